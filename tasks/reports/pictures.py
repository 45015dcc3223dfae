"""Pictures that stand inside a page: recompressed until all of them together fit, and enlarged with hard edges."""

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from shards.images.containers.marking import copy_mark

MAX_BYTES = 1_000_000  # of all pictures of a page: it stays below 1.5 MB, and base64 adds a third
# WebP's quality and the largest width, tried in this order. The last ones are for noise, which hardly compresses.
STEPS = ((90, 1920), (75, 1280), (50, 960), (40, 640), (30, 480), (20, 240), (10, 120))
MAX_THUMBNAILS = 250_000
THUMBNAILS = ((90, 64), (75, 64), (50, 64), (40, 48), (30, 32), (20, 24), (10, 16))
MAX_SMALL = 400  # pixels across; a larger picture is shown smaller than it is, and hard edges would drop pixels
FORMATS = ["PNG", "WEBP"]


class Picture(NamedTuple):
    """What an img element needs; `is_small` where the browser is to enlarge it without smoothing."""

    uri: str
    width: int
    height: int
    is_small: bool


def describe_picture(data: bytes) -> Picture:
    """Give a PNG or WebP as a URL that holds it, with its size in pixels."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        kind, (width, height) = str(image.format).lower(), image.size
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return Picture(uri, width, height, width <= MAX_SMALL)


def fit_pictures(pictures: Sequence[bytes], max_bytes: int = MAX_BYTES) -> list[bytes]:
    """Give the pictures as they are if they fit, else all as WebP in the best quality in which they do.

    A picture that WebP does not make smaller stays as it is. Empty ones stay empty.
    """
    made = list(pictures)
    for quality, width in STEPS:
        if sum(map(len, made)) <= max_bytes:
            break
        made = [min(one, _as_webp(one, quality, width), key=len) if one else one for one in pictures]
    return made


def fit_thumbnails(pictures: Sequence[bytes], max_bytes: int = MAX_THUMBNAILS) -> list[bytes]:
    """Give the pictures as WebP of at most 64 pixels across, in the best quality in which all of them fit."""
    for quality, width in THUMBNAILS:
        made = {one: _as_webp(one, quality, width) for one in set(pictures)}
        if sum(len(made[one]) for one in pictures) <= max_bytes:
            break
    return [made[one] for one in pictures]


def narrow(data: bytes, width: int) -> bytes:
    """Give the picture at most `width` pixels across, as a PNG."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.width <= width:
            return data
        buffer = io.BytesIO()
        _resized(image, width).save(buffer, "PNG")
    return copy_mark(data, buffer.getvalue())


def _as_webp(data: bytes, quality: int, width: int) -> bytes:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        buffer = io.BytesIO()
        _resized(image, width).save(buffer, "WEBP", quality=quality, method=2)
    return copy_mark(data, buffer.getvalue())


def _resized(image: Image.Image, width: int) -> Image.Image:
    if image.width <= width:
        return image
    return image.resize((width, max(round(image.height * width / image.width), 1)), Image.Resampling.LANCZOS)
