"""Real image files of every kind the pipeline takes, made on the spot."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MakeImage = Callable[..., Path]


def picture(seed: int, size: tuple[int, int] = (40, 32), mode: str = "RGB") -> Image.Image:
    """A smooth picture that no other seed gives."""
    noise = np.random.default_rng(seed).integers(0, 256, (5, 4, 4), dtype=np.uint8)
    return Image.fromarray(noise, "RGBA").resize(size, Image.Resampling.BICUBIC).convert(mode)


@pytest.fixture
def make_image() -> MakeImage:
    def make(
        path: Path, seed: int = 0, *, size: tuple[int, int] = (40, 32), mode: str = "RGB", **options: object
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(seed, size, mode).save(path, **options)
        return path

    return make


@pytest.fixture
def collection(tmp_path: Path, make_image: MakeImage) -> Path:
    """Two classes, four formats, 40 good images, one duplicate and three files that are none."""
    folder = tmp_path / "pictures"
    suffixes = ["jpg", "png", "gif", "webp"]
    for number in range(40):
        label = ("cats & dogs", "Ünicode")[number % 2]
        make_image(folder / label / f"{number:02d} x.{suffixes[number % 4]}", number, size=(30 + number, 40))
    (folder / "Ünicode" / "zz copy.jpg").write_bytes((folder / "cats & dogs" / "00 x.jpg").read_bytes())
    (folder / "Ünicode" / "cut.jpg").write_bytes((folder / "cats & dogs" / "04 x.jpg").read_bytes()[:400])
    (folder / "Ünicode" / "empty.png").write_bytes(b"")
    (folder / "cats & dogs" / "notes.txt").write_text("not a picture")
    (folder / ".hidden").write_text("skipped")
    return folder
