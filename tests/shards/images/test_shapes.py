"""Samples that are not square: what is kept of an image, and that square datasets keep their names and bytes."""

import io
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from shards.config import ShardConfig
from shards.images.conversion import convert
from shards.images.geometry import draft_size, plan
from shards.images.recipe import Recipe
from shards.layout.identity import VersionHash


def config(**changes: object) -> ShardConfig:
    return ShardConfig(source="x", dataset="d", encoding="png", **changes)  # type: ignore[arg-type]


def recipe(**changes: object) -> Recipe:
    return config(resolution="64x32", **changes).recipe()


def converted(image: Image.Image, made: Recipe, **options: object) -> np.ndarray:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95, **options)
    return np.asarray(Image.open(io.BytesIO(convert(buffer.getvalue(), made).samples[0].data)))


def test_square_datasets_keep_their_version_and_their_part_files() -> None:
    square = ShardConfig(source="x", dataset="d", resolution=48)
    # What the release before image_width gave.
    assert VersionHash(square.content_settings()).version() == "488df77b1a7b0d0f"
    assert sha256(square.recipe().to_json().encode()).hexdigest()[:16] == "89036b2c71a7678d"
    spelled = ShardConfig(source="x", dataset="d", resolution="48x48")  # type: ignore[arg-type]
    assert spelled == square.model_copy(update={"image_width": 0})


def test_a_resolution_may_be_written_as_width_and_height() -> None:
    wide = config(resolution="96x64")
    assert (wide.image_width, wide.resolution, wide.size) == (96, 64, "96x64")
    assert wide.content_settings()["image_width"] == 96
    assert Recipe.from_dict(wide.recipe().to_dict()) == wide.recipe()
    assert ShardConfig.model_validate(wide.model_dump()) == wide


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"resolution": "96x64", "image_width": 48}, "leave out image_width"),
        ({"resolution": "96by64"}, "valid integer"),
        ({"resolution": 64, "image_width": 4}, "at least 8 pixels"),
        ({"resolution": "96x64", "shape": "keep_aspect"}, "use shape crop"),
    ],
)
def test_sizes_that_mean_nothing_are_refused(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        config(**changes)


@pytest.mark.parametrize(
    ("size", "shape", "box", "stored"),
    [
        ((720, 360), "crop", (0, 0, 720, 360), (64, 32)),
        ((100, 100), "crop", (0, 25, 100, 75), (64, 32)),
        ((300, 100), "crop", (50, 0, 250, 100), (64, 32)),
        ((300, 100), "stretch", (0, 0, 300, 100), (64, 32)),
        ((100, 100), "fit", (0, 0, 100, 100), (32, 32)),
        ((300, 100), "fit", (0, 0, 300, 100), (64, 21)),
        ((100, 100), "as_is", (0, 0, 100, 100), (100, 100)),
    ],
)
def test_the_largest_part_of_the_shape_is_kept(
    size: tuple[int, int], shape: str, box: tuple[float, ...], stored: tuple[int, int]
) -> None:
    assert plan(size, recipe(shape=shape), 0) == (box, stored)


def test_random_crops_lie_within_the_image_and_differ() -> None:
    boxes = {plan((333, 100), recipe(shape="random_crop"), seed)[0] for seed in range(500)}
    assert len(boxes) == 134
    assert all(left >= 0 and right <= 333 and (top, bottom) == (0, 100) for left, top, right, bottom in boxes)


def test_only_shrinking_keeps_the_aspect_of_small_images() -> None:
    assert plan((20, 20), recipe(only_shrink=True), 0) == ((0, 5, 20, 15), (20, 10))


@pytest.mark.parametrize("orientation", [1, 6])
def test_files_stored_on_their_side_are_upright_and_sharp(orientation: int) -> None:
    """Left half red, right half blue; with orientation 6 the file is turned, and libjpeg reduces it before that."""
    shown = Image.new("RGB", (2000, 1000), (255, 0, 0))
    shown.paste((0, 0, 255), (1000, 0, 2000, 1000))
    stored = shown if orientation == 1 else shown.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = converted(stored, recipe(), exif=exif.tobytes())
    assert found.shape == (32, 64, 3)
    assert found[:, :31, 0].min() > 240
    assert found[:, 33:, 2].min() > 240


@pytest.mark.parametrize("size", [(2000, 1000), (1000, 2000), (1000, 1000)])
def test_jpeg_is_decoded_at_twice_the_size_or_more(size: tuple[int, int]) -> None:
    drafted = draft_size(size, recipe())
    assert drafted is not None
    for turned in (size, size[::-1]):
        box, stored = plan(turned, recipe(), 0)
        factor = max(drafted) / max(size)
        assert (box[2] - box[0]) * factor >= 2 * stored[0] - 1e-9


def test_fitted_images_lie_in_the_middle_of_the_background() -> None:
    found = converted(Image.new("RGB", (100, 100), (0, 255, 0)), recipe(shape="fit", background="#0000ff"))
    assert found.shape == (32, 64, 3)
    assert (found[:, :16] == (0, 0, 255)).all()
    assert (found[:, 48:] == (0, 0, 255)).all()
    assert found[:, 18:46, 1].min() > 240
