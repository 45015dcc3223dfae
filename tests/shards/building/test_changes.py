"""A new version is compared with the latest one: changes that may be mistakes are said, or they stop the build."""

from pathlib import Path

import pytest

from shards import BuildOutcome, Dataset, ShardConfig, SourceError, build
from shards.building.changes import Version, find_changes
from shards.layout.manifest import Counts, Manifest, load_manifest, resolve_dataset
from tests.shards.conftest import MakeImage


def built(source: Path, root: Path, **changes: object) -> BuildOutcome:
    return build(ShardConfig(source=str(source), dataset="x", resolution=16, workers=1, **changes), root)


@pytest.fixture
def pets(tmp_path: Path, make_image: MakeImage) -> Path:
    """Eight images of two classes in three formats."""
    for number in range(8):
        make_image(
            tmp_path / "pets" / ("cat", "dog")[number % 2] / f"{number}.{('png', 'jpg', 'webp')[number % 3]}", number
        )
    return tmp_path / "pets"


def test_a_lost_class_and_a_single_codec_are_said_and_kept(pets: Path, tmp_path: Path, make_image: MakeImage) -> None:
    first = built(pets, tmp_path)
    assert first.checks == []
    for path in [*pets.glob("dog/*"), *pets.glob("cat/*.jpg"), *pets.glob("cat/*.webp")]:
        path.unlink()
    for number in range(20, 24):
        make_image(pets / ("cat", "bird")[number % 2] / f"{number}.png", number)

    with pytest.raises(SourceError, match="If that is what you want, build once with checks=warn"):
        built(pets, tmp_path, checks="stop")
    assert resolve_dataset(tmp_path, "x") == first.manifest  # the version before is still the latest

    second = built(pets, tmp_path)
    name = Dataset.open(first.manifest).name
    assert second.checks == [
        f"1 of 2 classes of {name} is gone: 'dog'.",
        f"All images are PNG files, and those of {name} are JPEG, PNG and WEBP.",
    ]
    assert ("check", second.checks[0]) in second.facts()
    assert load_manifest(second.manifest).checks == second.checks
    assert built(pets, tmp_path).checks == second.checks  # found again: nothing has changed
    assert built(pets, tmp_path, checks="off").version == second.version  # the content does not depend on the checks


def manifest(kept: int, quarantined: int = 0, not_images: int = 0) -> Version:
    reasons = {"truncated": quarantined - not_images, "not_an_image": not_images}
    counts = Counts(seen=kept + quarantined, kept=kept, duplicates=0, quarantined=quarantined, reasons=reasons)
    common = {"version": "0a", "dataset": "x", "source": "s", "labels": [], "resolution": 16, "channels": 3}
    splits = {"num_samples_by_split": {"train": kept}, "classes_by_split": {"train": {}}}
    made = {"shardlist": [], "settings": {}, "libraries": {}}
    return Version(Manifest.model_validate({"name": "x@0a", "counts": counts.model_dump(), **common, **splits, **made}))


def test_growth_and_refused_files_are_compared_in_shares() -> None:
    assert find_changes(manifest(100), manifest(999)) == []
    assert find_changes(manifest(100), manifest(1000)) == ["It has 1,000 images, 10 times as many as x@0a with 100."]
    assert find_changes(manifest(100), manifest(10)) == ["It has 10 images, and x@0a has 100."]
    (refused,) = find_changes(manifest(98, 2), manifest(93, 7))
    assert refused == "7.0% of the images were refused, most of them as truncated. For x@0a it was 2.0%."
    assert find_changes(manifest(98, 2), manifest(94, 6)) == []
    assert find_changes(manifest(100), manifest(100, 50, not_images=50)) == []  # texts beside the images
    assert find_changes(manifest(60, 40), manifest(45, 55)) == []
