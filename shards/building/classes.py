"""Which classes a dataset version has, and what a person should know about how they were found.

Nothing is dropped in silence: every class that is left out and every source that turns out to be unlabelled gives a
note, a sentence in the manifest and in the outcome. `labels=strict` turns such a note into a SourceError.
"""

from typing import NamedTuple

from shards.building.ledger import Ledger
from shards.sources.entries import Notes

_CLASSES_EXPLAINED = 5


class Classes(NamedTuple):
    """The names of the classes in the order of their numbers, and the notes about them."""

    labels: list[str]
    notes: list[str]


def resolve_listed_classes(ledger: Ledger, notes: Notes) -> list[str]:
    """Strip the folders that all images share, forget a class that is the only one, and return the notes."""
    while ledger.strip_common_folder():
        pass
    labels = ledger.labels()
    found = list(notes.always)
    if len(labels) == 1:
        found.append(_only_class(ledger, labels[0]))
        ledger.forget_labels()
    if len(labels) < 2:
        found += dict.fromkeys(notes.if_unlabelled)
    return found


def resolve_filled_classes(ledger: Ledger, notes: list[str]) -> Classes:
    """Return the classes of which at least one image was kept, and `notes` with those about the other classes.

    Call `Ledger.find_duplicates` first. A class that is the only one left makes the version unlabelled.
    """
    filled = ledger.filled_labels()
    empty = [label for label in ledger.labels() if label not in set(filled)]
    if not filled or not empty:
        return Classes(filled, notes)
    notes = notes + [_empty_class(ledger, label) for label in empty[:_CLASSES_EXPLAINED]]
    if len(empty) > _CLASSES_EXPLAINED:
        more = len(empty) - _CLASSES_EXPLAINED
        notes.append(f"{more} more classes have no usable image and are left out. See quarantine.parquet.")
    if len(filled) == 1:
        notes.append(f"All usable images have the class {filled[0]!r}. They are treated as unlabelled.")
    return Classes(filled if len(filled) > 1 else [], notes)


def _only_class(ledger: Ledger, label: str) -> str:
    if not ledger.labels_are_folders():
        return f"All images have the same label, {label!r}. They are treated as unlabelled."
    if ledger.has_loose_images():
        return f"{label!r} is the only class folder, and images lie beside it. All images are treated as unlabelled."
    return f"All images are in one folder, {label!r}. They are treated as unlabelled."


def _empty_class(ledger: Ledger, label: str) -> str:
    fates = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in ledger.fates(label).items())
    return f"The class {label!r} has no usable image and is left out. Its files: {fates}."
