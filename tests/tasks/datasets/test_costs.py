"""The estimate of a build comes from builds of samples, and knows the numbers of files and images."""

from pathlib import Path

import shards
from shards import ShardConfig
from tasks.datasets.costs import estimate_build, list_some
from tasks.tracking.inventory.files import folder_bytes
from tasks.trainer.costs.trials import Budget, Deadline, StageCost, total_cost


def test_a_small_source_is_built_as_a_whole(tmp_path: Path, home_dir: Path, collection: Path) -> None:
    config = ShardConfig(source=str(collection), dataset="tiny", resolution=16, workers=1, val_fraction=0.3)
    estimate = estimate_build(config, tmp_path / "trial", Budget(100))
    assert not home_dir.exists()
    outcome = shards.build(config, home_dir)
    assert estimate.num_images == outcome.kept
    dataset = shards.Dataset.open(outcome.manifest)
    assert {split: estimate.num_samples(split) for split in ("train", "val")} == dataset.manifest.num_samples_by_split
    assert estimate.cost.disk_bytes == folder_bytes(home_dir)
    assert estimate.cost.seconds
    assert estimate.cost.memory_bytes
    assert "49 files" in estimate.cost.basis


def test_the_sample_of_a_source_is_random_and_bounded(tmp_path: Path) -> None:
    for number in range(600):
        (tmp_path / f"{number:03d}.png").touch()
    listing = list_some(ShardConfig(source=str(tmp_path), dataset="many"), Deadline(60))
    assert (listing.num_files, listing.is_complete, len(set(listing.sample))) == (600, True, 256)
    halves = [entry.source < "300.png" for entry in listing.sample]
    assert 90 < sum(halves) < 166  # five standard deviations around 128


def test_a_total_needs_every_stage() -> None:
    known = StageCost(stage="a", seconds=2, disk_bytes=3, memory_bytes=4)
    unknown = StageCost(stage="b", disk_bytes=3, memory_bytes=9)
    total = total_cost([known, unknown])
    assert (total.seconds, total.disk_bytes, total.memory_bytes) == (None, 6, 9)
    assert total_cost([known, known]).seconds == 4
