"""Checks of a new version against the latest one: changes that are more often a mistake than what somebody wanted.

Each finding is a sentence in the manifest and in the outcome. `checks=stop` turns findings into a SourceError.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shards.errors import DatasetError
from shards.layout.manifest import SAMPLES_TABLE, Manifest, beside, load_manifest, resolve_dataset
from shards.layout.tables import read_batches
from shards.sources.entries import name_some

GROWTH = 10  # times as many images, or a tenth of them
QUARANTINE_TIMES, QUARANTINE_POINTS = 2, 0.05  # the share of refused images at least doubles, and rises by 5 points


class Version(NamedTuple):
    """A version as the checks see it: its manifest, and the codecs of its source files; empty where unknown."""

    manifest: Manifest
    formats: frozenset[str] = frozenset()

    @classmethod
    def read(cls, manifest: Manifest, uri: str) -> "Version":
        """Read the codecs from the samples table beside the manifest at `uri`."""
        try:
            batches = read_batches(beside(uri, SAMPLES_TABLE), ["format"])
            return cls(manifest, frozenset(name for rows in batches for name in rows["format"].unique().to_pylist()))
        except Exception:  # the table may be missing, and clients of buckets do not only raise OSError
            return cls(manifest)


def find_latest(root: str, dataset: str) -> Version | None:
    """Return the latest version of the dataset, None where there is none or it cannot be read."""
    try:
        uri = resolve_dataset(root, dataset)
        return Version.read(load_manifest(uri), uri)
    except DatasetError:
        return None


def find_changes(before: Version, now: Version) -> list[str]:
    """Return one sentence for each change that is more often a mistake than what somebody wanted."""
    return [*_lost_classes(before, now), *_growth(before, now), *_codecs(before, now), *_quarantine(before, now)]


def _lost_classes(before: Version, now: Version) -> Iterator[str]:
    left = set(now.manifest.labels)
    lost = [label for label in before.manifest.labels if label not in left]
    if lost:
        of = f"{len(lost)} of {len(before.manifest.labels)} classes of {before.manifest.name}"
        yield f"{of} {'is' if len(lost) == 1 else 'are'} gone: {name_some(lost)}."


def _growth(before: Version, now: Version) -> Iterator[str]:
    old, new = before.manifest.counts.kept, now.manifest.counts.kept
    if new >= GROWTH * old:
        yield f"It has {new:,} images, {new / old:.0f} times as many as {before.manifest.name} with {old:,}."
    elif new * GROWTH <= old:
        yield f"It has {new:,} images, and {before.manifest.name} has {old:,}."


def _codecs(before: Version, now: Version) -> Iterator[str]:
    if len(before.formats) > 1 and len(now.formats) == 1:
        (only,) = now.formats
        yield f"All images are {only} files, and those of {before.manifest.name} are {_in_words(before.formats)}."


def _quarantine(before: Version, now: Version) -> Iterator[str]:
    old, new = refused_share(before.manifest), refused_share(now.manifest)
    if new >= QUARANTINE_TIMES * old and new >= old + QUARANTINE_POINTS:
        reasons = {code: count for code, count in now.manifest.counts.reasons.items() if code != "not_an_image"}
        most = max(reasons, key=reasons.__getitem__)
        refused = f"{new:.1%} of the images were refused, most of them as {most.replace('_', ' ')}"
        yield f"{refused}. For {before.manifest.name} it was {old:.1%}."


def refused_share(manifest: Manifest) -> float:
    """Return the share of refused files among those that are images."""
    counts = manifest.counts
    images = counts.seen - counts.not_images
    return (counts.quarantined - counts.not_images) / images if images else 0.0


def _in_words(names: Sequence[str] | frozenset[str]) -> str:
    *others, last = sorted(names)
    return f"{', '.join(others)} and {last}"
