"""A dataset of images that are not square: built, decoded into memory, streamed, and refused where sizes differ."""

import json
from pathlib import Path

import numpy as np
import pytest

from shards import Dataset, DatasetError, ShardConfig, build
from shards.dataset.blend import Blend
from shards.layout.manifest import Manifest


@pytest.fixture(scope="module")
def wide(same_collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    config = ShardConfig(source=str(same_collection), dataset="wide", resolution="24x16", encoding="png", workers=1)
    return Dataset.open(build(config, tmp_path_factory.mktemp("wide")).manifest)


def test_both_readers_give_images_of_the_shape(wide: Dataset) -> None:
    assert wide.manifest.shape == (3, 16, 24)
    assert dict(wide.facts())["Resolution"] == "24x16 pixels, colour"
    split = wide.open_split("train")
    assert split.images.shape[1:] == (3, 16, 24)
    assert wide.decoded_bytes("train") == split.images.nbytes
    streamed, _ = next(wide.windows("train", 100).batches(len(split), seed=0))
    assert sorted(map(bytes, streamed)) == sorted(map(bytes, split.images))


def test_square_manifests_do_not_name_a_width(wide: Dataset) -> None:
    assert json.loads(Path(wide.uri).read_text())["image_width"] == 24
    assert Manifest.model_validate_json(Path(wide.uri).read_text()) == wide.manifest
    square = wide.manifest.model_copy(update={"image_width": 0})
    assert "image_width" not in json.loads(square.model_dump_json())
    assert (square.shape, square.size, square.sides) == ((3, 16, 16), "16", "16x16")


def test_only_images_of_one_size_are_blended(wide: Dataset) -> None:
    square = Dataset(wide.uri, wide.manifest.model_copy(update={"image_width": 0}))
    with pytest.raises(DatasetError, match="24x16 pixels"):
        Blend.of([wide, square], [0.5, 0.5])


def test_nothing_is_mirrored_or_turned(wide: Dataset) -> None:
    """Columns stay columns: every stored picture is smooth, so neighbours in a row are similar."""
    images = wide.open_split("train").images.astype(np.float32)
    assert np.abs(np.diff(images, axis=3)).mean() < 30
    assert np.abs(np.diff(images, axis=2)).mean() < 40
