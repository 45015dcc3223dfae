"""Recompression of arrays gives the same pixels as shards with that encoding."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import shards
from shards.errors import SplitError

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (3, 3, 24, 24), dtype=np.uint8)
GREY = COLOUR[:, :1]


@pytest.mark.parametrize("encoding", ["original", "png", "webp:lossless"])
@pytest.mark.parametrize("images", [COLOUR, GREY], ids=["colour", "grey"])
def test_lossless_encodings_change_no_pixel(images: np.ndarray, encoding: str) -> None:
    done = shards.recompress(images, encoding)
    assert np.array_equal(done.images, images)
    assert done.num_bytes > 0


def test_gif_keeps_grey_images_and_at_most_256_colours_of_others() -> None:
    assert np.array_equal(shards.recompress(GREY, "gif").images, GREY)
    image = shards.recompress(COLOUR, "gif").images[0]
    assert 200 < len(np.unique(image.reshape(3, -1), axis=1).T) <= 256
    assert not np.array_equal(image, COLOUR[0])


def test_less_quality_means_fewer_bytes_and_other_pixels() -> None:
    sizes, errors = [], []
    for quality in (95, 75, 30):
        done = shards.recompress(COLOUR, f"jpeg:{quality}")
        sizes.append(done.num_bytes)
        errors.append(float(np.abs(done.images.astype(int) - COLOUR).mean()))
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)


@pytest.mark.parametrize("encoding", ["jpeg:40", "webp:60", "avif:50", "gif"])
def test_it_gives_the_pixels_that_the_shards_of_that_encoding_give(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "pictures").mkdir()
    for number, image in enumerate(COLOUR):
        Image.fromarray(image.transpose(1, 2, 0)).save(tmp_path / "pictures" / f"{number}.png")
    config = {"source": str(tmp_path / "pictures"), "resolution": 24, "val_fraction": 0, "workers": 1, "labels": "none"}
    plain = shards.build(shards.ShardConfig(dataset="plain", encoding="png", **config), tmp_path / "home")
    coded = shards.build(shards.ShardConfig(dataset="coded", encoding=encoding, **config), tmp_path / "home")
    before, after = (shards.Dataset.open(built.manifest).open_split("train") for built in (plain, coded))
    assert before.keys == after.keys
    assert np.array_equal(shards.recompress(before.images, encoding).images, after.images)


def test_wrong_arrays_and_encodings_are_refused() -> None:
    with pytest.raises(ValueError, match="encoding 'bmp' is unknown"):
        shards.recompress(GREY, "bmp")
    with pytest.raises(SplitError, match="expected uint8"):
        shards.recompress(GREY.astype(np.float32), "png")
