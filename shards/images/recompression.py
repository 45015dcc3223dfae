"""Recompression: encodes and decodes arrays of pixels, in the same way as shards store and return them."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shards.errors import SplitError
from shards.images.conversion import encode
from shards.images.recipe import Encoding

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Recompressed:
    """uint8 images NCHW after encoding and decoding, and the total number of bytes when encoded."""

    images: Pixels
    num_bytes: int


def recompress(images: Pixels, encoding: str) -> Recompressed:
    """Encode and decode uint8 images [N, 1 or 3, H, W]. With the encoding `original`, nothing is lost.

    Raises ValueError for an unknown encoding, and SplitError for arrays of another type or shape.
    """
    how = Encoding.parse(encoding)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise SplitError(f"The images are {images.dtype} of shape {images.shape}, expected uint8 [N, 1 or 3, H, W].")
    files = [encode(_as_picture(image), how) for image in images]
    decoded = [_pixels(data, how, channels=images.shape[1]) for data in files]
    return Recompressed(np.stack(decoded) if decoded else images.copy(), sum(map(len, files)))


def _as_picture(image: Pixels) -> Image.Image:
    return Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))


def _pixels(data: bytes, encoding: Encoding, channels: int) -> Pixels:
    with Image.open(io.BytesIO(data), formats=[encoding.format]) as image:
        pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
