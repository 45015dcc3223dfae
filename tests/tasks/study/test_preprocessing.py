"""Choices of preprocessing, each made to real files: what the pipeline does changes nothing, what others do does."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import shards
from tasks.study.preprocessing.choice import NO_SETTING, Plan
from tasks.study.preprocessing.resizing import decode_scales, filters
from tasks.study.preprocessing.subsampling import subsamplings
from tasks.study.preprocessing.value_range import ranges

RESOLUTION = 16


def write_pictures(folder: Path, side: int, extension: str) -> Path:
    """Smooth pictures with sharp edges: filters and decoders tell them apart."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(12):
        blocks = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        picture = blocks.resize((side * 4 // 3, side), Image.Resampling.NEAREST)
        options = {"quality": 100, "subsampling": 0} if extension == "jpg" else {}
        picture.save(folder / f"{number}.{extension}", **options)
    return folder


@pytest.fixture
def shard(tmp_path: Path) -> shards.ShardConfig:
    return config(write_pictures(tmp_path / "large", 96, "png"))


def config(source: Path) -> shards.ShardConfig:
    return shards.ShardConfig(
        source=str(source), dataset="d", resolution=RESOLUTION, encoding="png", val_fraction=0.5, labels="none"
    )


def build(shard: shards.ShardConfig, home: Path) -> tuple[shards.Dataset, np.ndarray]:
    """The untouched files' version, and the clean val images."""
    untouched = shard.model_copy(update={"shape": "as_is", "encoding": "original"})
    clean = shards.Dataset.open(shards.build(shard, home).manifest).open_split("val")
    return shards.Dataset.open(shards.build(untouched, home).manifest), clean.images


def make(plans: list[Plan]) -> dict[str, np.ndarray]:
    return {choice.name: made() for choice, made in plans if made}


def test_the_filter_of_the_dataset_changes_nothing_and_aliasing_most(shard: shards.ShardConfig, tmp_path: Path) -> None:
    source, clean = build(shard, tmp_path / "home")
    made = make(list(filters(source, shard)))
    assert np.array_equal(made.pop("lanczos"), clean)
    assert all(images.shape == clean.shape for images in made.values())
    changed = {name: float(np.abs(images.astype(int) - clean).mean()) for name, images in made.items()}
    assert 0 < changed["bicubic"] < changed["bilinear"] < changed["bilinear, not widened"]
    assert changed["box"] < changed["nearest"]


@pytest.mark.parametrize("extension", ["png", "jpg"])
def test_smaller_decode_scales_come_close_to_the_full_one(tmp_path: Path, extension: str) -> None:
    shard = config(write_pictures(tmp_path / "large", 96, extension))
    source, clean = build(shard, tmp_path / "home")
    made = make(list(decode_scales(source, shard)))
    assert list(made) == ["1/1", "as the pipeline", "the smallest"]
    full = made.pop("1/1")
    assert np.abs(full.astype(int) - clean).mean() < 4
    for images in made.values():
        assert not np.array_equal(images, full)
        assert np.abs(images.astype(int) - full).mean() < 12


def test_sources_too_small_to_be_decoded_at_a_smaller_scale_say_so(tmp_path: Path) -> None:
    shard = config(write_pictures(tmp_path / "small", 20, "png"))
    source, _ = build(shard, tmp_path / "home")
    ((choice, made),) = decode_scales(source, shard)
    assert made is None
    assert "sources of 20 pixels are decoded in full" in choice.note


def test_colour_subsampling_saves_bytes_and_grey_images_have_none() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 16, 16), dtype=np.uint8)
    plans = list(subsamplings(images))
    sizes = {choice.name: choice.bytes_per_image or 0 for choice, _ in plans}
    assert sizes["4:2:0 at quality 75"] < sizes["4:2:2 at quality 75"] < sizes["4:4:4 at quality 75"]
    ((choice, made),) = subsamplings(images[:, :1])
    assert made is None
    assert choice.note == "grey images have no colour to subsample"


def test_the_pipelines_range_gives_every_byte_back_and_others_do_not() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16).repeat(3, axis=1)
    plans = list(ranges(images))
    made = make(plans)
    assert np.array_equal(made.pop("[-1, 1] for tanh, and back"), images)
    assert {choice.setting for choice, _ in plans[1:]} == {NO_SETTING}
    assert np.array_equal(made["[-1, 1] in bfloat16"], images)
    assert 0.4 < (images - made["cut off, not rounded, to bytes"].astype(float)).mean() < 0.6
    # Red of mean 0.485 and deviation 0.229 reaches from 65 to 182.
    assert (made["ImageNet's mean and deviation"][0, 0].min(), made["ImageNet's mean and deviation"][0, 0].max()) == (
        65,
        182,
    )
