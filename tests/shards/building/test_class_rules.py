"""The rules for classes on a ledger alone, without decoding anything."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shards.building.classes import resolve_filled_classes, resolve_listed_classes
from shards.building.ledger import Ledger
from shards.sources.entries import Entry, Notes


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    yield ledger
    ledger.close()


def entry(source: str, label: str | None, depth: int | None = None) -> Entry:
    return Entry(source, label, 1, "t", ("file", source), depth)


HINTS = Notes(always=["always"], if_unlabelled=["hint", "hint", "other hint"])


@pytest.mark.parametrize(
    ("entries", "labels", "notes"),
    [
        ([entry("1.png", None)], [], ["always", "hint", "other hint"]),
        (
            [entry("1.png", "x")],
            [],
            [
                "always",
                "All images have the same label, 'x'. They are treated as unlabelled.",
                "hint",
                "other hint",
            ],
        ),
        (
            [entry("a/1.png", "a", 0)],
            [],
            [
                "always",
                "All images are in one folder, 'a'. They are treated as unlabelled.",
                "hint",
                "other hint",
            ],
        ),
        ([entry("1.png", "x"), entry("2.png", "y")], ["x", "y"], ["always"]),
        ([entry("t/a/1.png", "t", 0), entry("t/b/2.png", "t", 0)], ["a", "b"], ["always"]),
    ],
)
def test_listed_classes(entries: list[Entry], labels: list[str], notes: list[str], ledger: Ledger) -> None:
    ledger.replace_listing(entries)
    assert resolve_listed_classes(ledger, HINTS) == notes
    assert ledger.labels() == labels


def decoded(ledger: Ledger, filled: int, empty: int) -> None:
    """List one file for each of so many classes with and without an image."""
    names = [f"{number:02d}" for number in range(filled + empty)]
    ledger.replace_listing(entry(f"{name}.png", name) for name in names)
    rows = []
    for number, name in enumerate(names):
        row = {"source": f"{name}.png", "size": 1, "stamp": "t"}
        if number >= filled:
            rows.append(row | {"reason": "not_an_image", "message": "it is a text"})
            continue
        sample = {"frame": 0, "offset": 0, "bytes": 1, "pixel_sha256": name}
        rows.append(row | {"source_sha256": f"{number:064x}", "source_bytes": 1, "facts": {}, "samples": [sample]})
    ledger.add_part("p.part", rows)
    ledger.find_duplicates("bytes", 0)


@pytest.mark.parametrize(
    ("filled", "empty", "labels", "num_notes"),
    [
        (0, 2, [], 1),  # without any image the build fails later, and needs no note
        (2, 0, ["00", "01"], 1),
        (2, 1, ["00", "01"], 2),
        (3, 5, ["00", "01", "02"], 6),
        (1, 1, [], 3),
    ],
)
def test_filled_classes(filled: int, empty: int, labels: list[str], num_notes: int, ledger: Ledger) -> None:
    decoded(ledger, filled, empty)
    classes = resolve_filled_classes(ledger, ["before"])
    assert (classes.labels, len(classes.notes)) == (labels, num_notes)
    assert classes.notes[0] == "before"


def test_only_a_few_classes_are_named(ledger: Ledger) -> None:
    decoded(ledger, 1, 7)
    notes = resolve_filled_classes(ledger, []).notes
    assert notes[0] == "The class '01' has no usable image and is left out. Its files: 1 not an image."
    assert notes[4].startswith("The class '05'")
    assert notes[5:] == [
        "2 more classes have no usable image and are left out. See quarantine.parquet.",
        "All usable images have the class '00'. They are treated as unlabelled.",
    ]
