"""A split that is decoded before it is needed: it is given to its own version only, and once."""

from pathlib import Path

from shards import Dataset
from shards.reading.early import EarlySplit


def test_a_split_is_found_once_and_by_its_version_alone(dataset: str) -> None:
    opened = Dataset.open(dataset)
    early = EarlySplit(lambda: opened.open_split("val"))
    found = early.find(opened.manifest)
    assert found is not None
    assert found.keys == opened.open_split("val").keys
    assert early.find(opened.manifest) is None
    other = opened.manifest.model_copy(update={"version": "0" * 16})
    assert EarlySplit(lambda: opened.open_split("val")).find(other) is None


def test_who_needs_damaged_images_gets_the_error(dataset: str) -> None:
    opened = Dataset.open(dataset)
    for path in Path(dataset).parent.glob("*.tar"):
        path.write_bytes(b"")
    assert EarlySplit(lambda: opened.open_split("val")).find(opened.manifest) is None
