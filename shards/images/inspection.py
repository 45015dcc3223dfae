"""A file's header: what picture it is and whether it may be decoded at all. No pixel is decoded here."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from PIL import (
    AvifImagePlugin,
    Image,
    JpegImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401  registers its decoder; Pillow would else load all its plugins at a WebP
)

from shards.errors import RefusedError
from shards.images import formats, jpeg
from shards.images.recipe import Recipe, pick_frames

Facts = dict[str, Any]
_EXIF_ORIENTATION = 0x0112
_BOMB_FLOOR_BYTES = 2**20
_MOST_FRAMES = 2**31 - 1  # an APNG file says a number, and the table's column has 32 bits
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "LA": 2, "I;16": 2, "RGB": 3}

AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the workers are the parallelism


@contextmanager
def refusals(code: str) -> Iterator[None]:
    """Turn whatever Pillow raises into a RefusedError: on hostile files that is far more than OSError.

    Its warning about decompression bombs counts as an error: a later frame may be larger than the header said.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except RefusedError:
        raise
    except MemoryError as error:
        raise RefusedError("out_of_memory", "decoding took more memory than memory_limit_mb allows") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedError("too_many_pixels", str(error)) from error
    except UnidentifiedImageError as error:
        message = "the file starts like an image, but its header cannot be read"
        raise RefusedError("broken_header", message) from error
    except Exception as error:
        text = str(error) or type(error).__name__
        raise RefusedError("truncated" if "truncated" in text.lower() else code, text) from error


def open_image(data: bytes, recipe: Recipe) -> tuple[Image.Image, Facts]:
    """Open a file by its content and return it undecoded with the facts about it.

    Raises RefusedError when it is no image that we decode, or when a rule of the recipe forbids it.
    """
    format_name = formats.sniff(data)
    harm = formats.damage(format_name, data)
    if harm and recipe.damaged == "refuse":
        raise RefusedError(harm, f"the {format_name} file has {harm.replace('_', ' ')}, and damaged is set to refuse")
    with refusals("broken_header"):
        image = Image.open(io.BytesIO(data), formats=[format_name])
    _check(image, len(data), recipe)
    return image, _describe(image) | {"damage": harm}


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation from 1 to 8; 1 when there is none that can be read."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # broken EXIF raises anything from SyntaxError to struct.error, and costs no picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def num_frames(image: Image.Image) -> int | None:
    """Return the number of frames, None when it cannot be told; further pictures of an MPO do not count."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return 1
    try:
        return min(int(getattr(image, "n_frames", 1)), _MOST_FRAMES)
    except Exception:  # a later frame is broken, which costs the first one nothing
        return None


def wanted_frames(image: Image.Image, recipe: Recipe) -> Sequence[int]:
    """Return which frames become samples; raises RefusedError where these are too many."""
    if recipe.frames == "first":
        return [0]
    picked = pick_frames(recipe.frames, num_frames(image) or 1)
    if len(picked) > recipe.max_frames:
        raise RefusedError(
            "too_many_frames",
            f"{len(picked)} frames would become samples ({recipe.frames}); max_frames allows {recipe.max_frames}",
        )
    return picked


def _check(image: Image.Image, num_bytes: int, recipe: Recipe) -> None:
    width, height = image.size
    if width * height > recipe.max_pixels:
        raise RefusedError("too_many_pixels", f"{width} x {height} pixels; max_pixels allows {recipe.max_pixels}")
    if min(width, height) < recipe.min_side:
        raise RefusedError("too_small", f"{width} x {height} pixels; min_side asks for {recipe.min_side}")
    if max(width, height) > recipe.max_aspect * min(width, height):
        raise RefusedError("too_long", f"{width} x {height} pixels; max_aspect allows {recipe.max_aspect:g} to 1")
    decoded = width * height * _MODE_BYTES.get(image.mode, 4)
    if decoded > _BOMB_FLOOR_BYTES and decoded > num_bytes * recipe.max_expansion:
        raise RefusedError(
            "expands_too_much",
            f"{num_bytes} bytes grow {decoded // num_bytes} times; max_expansion allows {recipe.max_expansion}",
        )


def _describe(image: Image.Image) -> Facts:
    facts: Facts = {"format": image.format, "width": image.width, "height": image.height, "mode": image.mode}
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        facts["jpeg_quality"] = jpeg.estimate_quality(image)
        facts["jpeg_subsampling"] = jpeg.subsampling(image)
        facts["jpeg_tables"] = jpeg.tables(image)
        facts["jpeg_progressive"] = bool(image.info.get("progressive"))
    return facts
