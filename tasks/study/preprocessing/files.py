"""The stored files of a version's val split, as images and arrays."""

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from models.features.feature_net import Array
from shards import Recipe, Sample, convert


def size_of(sample: Sample) -> tuple[int, int]:
    """Width and height of a stored file."""
    with Image.open(io.BytesIO(sample.encoded)) as image:
        return image.size


def stored(sample: Sample, recipe: Recipe) -> bytes:
    """What the pipeline makes of an untouched file by this recipe."""
    return convert(sample.encoded, replace(recipe, marked="keep")).samples[0].data


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=["PNG", "JPEG"])


def to_array(image: Image.Image) -> Array:
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def cropped(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The largest centred part with the aspect of `size`; a JPEG is decoded at the smaller scale that was asked for."""
    image.load()
    width = min(image.width, image.height * size[0] // size[1])
    height = min(image.height, image.width * size[1] // size[0])
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
