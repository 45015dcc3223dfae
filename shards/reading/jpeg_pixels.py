"""Decodes plain JPEG files with simplejpeg, which takes a third less time than Pillow and gives the same pixels.

No pixel depends on which of them is used. simplejpeg decodes only what both decode by the same exact arithmetic, and
the first call decodes test images with both. If simplejpeg is not installed, if one pixel differs, or if a file has any
fault, Pillow decodes.
"""

import io
import logging
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

logger = logging.getLogger(__name__)
_START = b"\xff\xd8\xff"
_PROFILE = b"ICC_PROFILE\0"
_KINDS = {("Gray", "Gray"): 1, ("YCbCr", "444"): 3, ("YCbCr", "422"): 3, ("YCbCr", "420"): 3}
_COLOURS = {1: "GRAY", 3: "RGB"}


def decode_plain_jpeg(data: bytes, channels: int, most_pixels: int) -> NDArray[np.uint8] | None:
    """Return the pixels of a JPEG file as [row, column, channel], or None if Pillow must decode it.

    None is returned for other formats, for files with a colour profile, with other colours than `channels` says, with
    more than `most_pixels` pixels, or with a fault.
    """
    if not data.startswith(_START) or _PROFILE in data or not gives_the_same_pixels():
        return None
    return _decode(data, channels, most_pixels)


@lru_cache(maxsize=1)
def gives_the_same_pixels() -> bool:
    """Return whether simplejpeg is installed and decodes some test images exactly as Pillow does."""
    if simplejpeg is None:
        return False
    is_same = all(_is_same(image, options) for image in _test_images() for options in _TEST_OPTIONS)
    if not is_same:
        logger.warning("simplejpeg and Pillow decode JPEG differently: Pillow is used, which takes more time")
    return is_same


def _decode(data: bytes, channels: int, most_pixels: int) -> NDArray[np.uint8] | None:
    try:
        height, width, colours, subsampling = simplejpeg.decode_jpeg_header(data)
        if _KINDS.get((colours, subsampling)) != channels or width * height > most_pixels:
            return None
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colorspace=_COLOURS[channels])
    except ValueError:  # also for faults that Pillow ignores: it decides
        return None
    return pixels


# Odd sizes, so that blocks are cut off at the edges. In noise, every pixel shows how chroma is interpolated.
_TEST_OPTIONS = [
    {"quality": quality, "subsampling": subsampling, "progressive": progressive}
    for quality in (35, 95)
    for subsampling in (0, 1, 2)
    for progressive in (False, True)
]


def _test_images() -> list[Image.Image]:
    noise = np.random.default_rng(0).integers(0, 256, (37, 51, 3), np.uint8)
    smooth = noise[:4, :4].repeat(9, axis=0).repeat(11, axis=1)
    return [Image.fromarray(noise), Image.fromarray(smooth), Image.fromarray(noise[..., 0])]


def _is_same(image: Image.Image, options: dict[str, int | bool]) -> bool:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    with Image.open(buffer, formats=["JPEG"]) as opened:
        expected = np.atleast_3d(np.asarray(opened))
    found = _decode(buffer.getvalue(), expected.shape[2], expected.size)
    return found is not None and np.array_equal(found, expected)
