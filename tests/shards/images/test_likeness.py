"""Of images that look the same, only the largest is kept, on request."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from shards import BuildOutcome, ShardConfig, build


@pytest.fixture
def alike(tmp_path: Path, make_image) -> Path:
    """Five pictures; the first also as a lossless copy, as a worse JPEG and at half its size."""
    folder = tmp_path / "alike"
    for number in range(5):
        make_image(folder / f"{number}.png", number, size=(128, 128))
    with Image.open(folder / "0.png") as first:
        first.save(folder / "same.webp", lossless=True)
        first.save(folder / "worse.jpg", quality=60)
        first.resize((64, 64)).save(folder / "small.png")
    return folder


def built(folder: Path, root: Path, duplicates: str) -> BuildOutcome:
    config = ShardConfig(source=str(folder), dataset="x", resolution=64, encoding="png", duplicates=duplicates)
    return build(config, root)


@pytest.mark.parametrize(("duplicates", "kept"), [("bytes", 8), ("pixels", 7), ("near", 5)])
def test_lookalikes_are_dropped_on_request(alike: Path, tmp_path: Path, duplicates: str, kept: int) -> None:
    outcome = built(alike, tmp_path / "root", duplicates)
    assert (outcome.kept, outcome.duplicates) == (kept, 8 - kept)


def test_dropped_images_name_the_kept_one(alike: Path, tmp_path: Path) -> None:
    outcome = built(alike, tmp_path / "root", "near")
    rows = pq.read_table(Path(outcome.manifest).with_name("duplicates.parquet")).to_pylist()
    assert {row["reason"] for row in rows} <= {"same_pixels", "looks_the_same"}
    kept = {row["source"] for row in pq.read_table(Path(outcome.manifest).with_name("samples.parquet")).to_pylist()}
    assert {row["duplicate_of"] for row in rows} <= kept
    assert {"0.png", "same.webp", "worse.jpg", "small.png"} - kept == {row["source"] for row in rows}
    assert "small.png" not in kept


def test_second_run_is_reused_and_growth_agrees(alike: Path, tmp_path: Path, make_image) -> None:
    built(alike, tmp_path / "root", "near")
    assert built(alike, tmp_path / "root", "near").reused
    make_image(alike / "new.png", 50, size=(128, 128))
    assert built(alike, tmp_path / "root", "near").version == built(alike, tmp_path / "fresh", "near").version
