"""Real image files of every kind the pipeline takes, made on the spot."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shards import ShardConfig, build

MakeImage = Callable[..., Path]
BuildOnce = Callable[..., Path]
Settings = dict[str, Any]


def picture(seed: int, size: tuple[int, int] = (40, 32), mode: str = "RGB") -> Image.Image:
    """A smooth picture that no other seed gives."""
    noise = np.random.default_rng(seed).integers(0, 256, (5, 4, 4), dtype=np.uint8)
    return Image.fromarray(noise, "RGBA").resize(size, Image.Resampling.BICUBIC).convert(mode)


def save_picture(
    path: Path, seed: int = 0, *, size: tuple[int, int] = (40, 32), mode: str = "RGB", **options: object
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(seed, size, mode).save(path, **options)
    return path


def save_collection(folder: Path) -> Path:
    """Two classes, four formats, 40 good images, one duplicate and three files that are none."""
    suffixes = ["jpg", "png", "gif", "webp"]
    for number in range(40):
        label = ("cats & dogs", "Ünicode")[number % 2]
        save_picture(folder / label / f"{number:02d} x.{suffixes[number % 4]}", number, size=(30 + number, 40))
    (folder / "Ünicode" / "zz copy.jpg").write_bytes((folder / "cats & dogs" / "00 x.jpg").read_bytes())
    (folder / "Ünicode" / "cut.jpg").write_bytes((folder / "cats & dogs" / "04 x.jpg").read_bytes()[:400])
    (folder / "Ünicode" / "empty.png").write_bytes(b"")
    (folder / "cats & dogs" / "notes.txt").write_text("not a picture")
    (folder / ".hidden").write_text("skipped")
    return folder


@pytest.fixture
def make_image() -> MakeImage:
    return save_picture


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A collection that the test may change."""
    return save_collection(tmp_path / "pictures")


@pytest.fixture(scope="session")
def same_collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection, for tests that leave it as it is."""
    return save_collection(tmp_path_factory.mktemp("same") / "pictures")


@pytest.fixture(scope="session")
def build_once(same_collection: Path, tmp_path_factory: pytest.TempPathFactory) -> BuildOnce:
    """Builds the collection into the given root, as the dataset `pets`; equal settings are built once and copied."""
    roots: dict[str, Path] = {}

    def into(root: Path, *all_settings: Settings) -> Path:
        if (key := repr(all_settings)) not in roots:
            roots[key] = tmp_path_factory.mktemp("built") / "root"
            for settings in all_settings:
                build(ShardConfig(source=str(same_collection), dataset="pets", **settings), roots[key])
        shutil.copytree(roots[key], root)
        return root

    return into
