"""Makes a collection of any size: `python -m benchmarks.scale.collection FOLDER START STOP`.

It has pictures of 32x32 in four formats and ten classes, of which 2 % are broken files.

Every file has its own bytes and its own pixels, and file number N is the same in collections of all sizes.
"""

import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE, CLASSES = 32, 10
_BATCH = 1000
_BROKEN_EVERY = 50
_COARSE = 4
_FORMATS = ("jpg",) * 10 + ("png",) * 5 + ("gif",) * 2 + ("webp",) * 3  # 50, 25, 10 and 15 % of the files
_OPTIONS = {"png": {"compress_level": 1}, "webp": {"method": 0}}
_NAMES = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}


def write_collection(folder: Path, start: int, stop: int) -> None:
    """Write the files from number `start` up to, but not including, `stop` into class folders; 1,000 in a subfolder."""
    for first in range(start - start % _BATCH, stop, _BATCH):
        for number in range(CLASSES):
            (folder / f"class-{number}" / f"{first // _BATCH // CLASSES:04d}").mkdir(parents=True, exist_ok=True)
        for number, data, suffix in _files(first):
            if start <= number < stop:
                batch = number // _BATCH // CLASSES
                place = folder / f"class-{number % CLASSES}" / f"{batch:04d}" / f"{number:07d}.{suffix}"
                place.write_bytes(data)


def _files(first: int) -> Iterator[tuple[int, bytes, str]]:
    """Yield a batch of files: their numbers, bytes and suffixes."""
    pixels = _pictures(first)
    gif = _gif_template(pixels[0])
    for number in range(first, first + _BATCH):
        suffix = _FORMATS[number // CLASSES % len(_FORMATS)]
        data = _with_palette(gif, number) if suffix == "gif" else _encoded(pixels[number - first], suffix)
        # The remainder moves by one in each round, so that broken files are in every class and format.
        if number % _BROKEN_EVERY == number // _BROKEN_EVERY % _BROKEN_EVERY:
            data = _broken(data, number)
        yield number, data, suffix


def _pictures(first: int) -> NDArray[np.uint8]:
    """Return a batch of smooth random pictures, uint8 [picture, row, column, channel]."""
    coarse = np.random.default_rng(first).integers(0, 256, (_BATCH, _COARSE, _COARSE, 3)).astype(np.float32)
    places = np.linspace(0, _COARSE - 1, SIDE)
    weights = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(_COARSE))).astype(np.float32)
    smooth: NDArray[np.float32] = np.einsum("yi,nijc,xj->nyxc", weights, coarse, weights, optimize=True)
    return np.asarray(np.rint(smooth), np.uint8)


def _encoded(pixels: NDArray[np.uint8], suffix: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, _NAMES[suffix], **_OPTIONS.get(suffix, {"quality": 90}))
    return buffer.getvalue()


def _gif_template(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    indices = Image.fromarray(pixels[:, :, 0], "L").quantize(256)
    indices.putpalette(bytes(range(256)) * 3)
    indices.save(buffer, "GIF", optimize=False)
    return buffer.getvalue()


def _with_palette(gif: bytes, number: int) -> bytes:
    """Give a GIF file a palette of its own. That is a thousand times as fast as encoding one."""
    size = 3 * 2 ** ((gif[10] & 7) + 1)
    return gif[:13] + np.random.default_rng(number).bytes(size) + gif[13 + size :]


def _broken(data: bytes, number: int) -> bytes:
    """Break a file in one of five ways: cut off, empty, a text, an unknown codec, or damaged in the middle."""
    kind = zlib.crc32(b"%d" % number) % 5
    noise = np.random.default_rng(number).bytes(64)
    middle = len(data) // 2
    return (
        data[:middle],
        b"",
        b"no picture, number %d" % number,
        noise + data,
        data[: middle - 32] + noise + data[middle + 32 :],
    )[kind]


if __name__ == "__main__":
    write_collection(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
