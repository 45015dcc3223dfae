"""Reads the header of a file, and decides whether it may be decoded. No pixel is decoded here.

`describe_head` reads only the first bytes of a file. It uses no decoder in C, so it needs no sandbox.
"""

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
    WebPImagePlugin,  # noqa: F401  registers its decoder, else Pillow loads all its plugins for a WebP
)

from shards.errors import RefusedError
from shards.images import formats, jpeg
from shards.images.containers import marks, webp
from shards.images.frames import with_alpha
from shards.images.recipe import Recipe, pick_frames

Facts = dict[str, Any]
_EXIF_ORIENTATION = 0x0112
_EXIF_IFD, _EXIF_WIDTH, _EXIF_HEIGHT = 0x8769, 0xA002, 0xA003
_GD = b"CREATOR: gd-jpeg"
_BOMB_FLOOR_BYTES = 2**20
_MOST_FRAMES = 2**31 - 1  # an APNG file can claim any number, and the column of the table has 32 bits
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "LA": 2, "I;16": 2, "RGB": 3}

AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the build runs several decoders in parallel


@contextmanager
def refusals(code: str) -> Iterator[None]:
    """Turn the errors of Pillow into RefusedError. For malformed files, Pillow raises many types of errors.

    The warning about decompression bombs counts as an error, because a later frame may be larger than the header says.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except RefusedError:
        raise
    except MemoryError as error:
        raise RefusedError("out_of_memory", "Decoding needs more memory than memory_limit_mb allows.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedError("too_many_pixels", str(error)) from error
    except UnidentifiedImageError as error:
        message = "The file starts like an image, but its header cannot be read."
        raise RefusedError("broken_header", message) from error
    except Exception as error:
        text = str(error) or type(error).__name__
        raise RefusedError("truncated" if "truncated" in text.lower() else code, text) from error


def open_image(data: bytes, recipe: Recipe) -> tuple[Image.Image, Facts]:
    """Open a file by its content, and return it undecoded with facts about it.

    Raises RefusedError when it is not an image in a supported format, or when a limit of the recipe forbids it.
    """
    format_name = formats.sniff(data)
    harm = formats.damage(format_name, data)
    if harm and recipe.damaged == "refuse":
        what = harm.replace("_", " ")
        raise RefusedError(harm, f"The {format_name} file is damaged ({what}), and damaged is set to refuse.")
    with refusals("broken_header"):
        image = Image.open(io.BytesIO(data), formats=[format_name])
    _check(image, len(data), recipe)
    facts = _describe(image) | {"damage": harm} | _mark_of(image, data, recipe)
    if format_name == "WEBP" and (changed := with_alpha(data)):
        with refusals("broken_header"):
            image = Image.open(io.BytesIO(changed), formats=[format_name])
    return image, facts


def describe_head(head: bytes) -> Facts:
    """Return what the first bytes of a file say about its compression.

    Raises RefusedError if the bytes are not the beginning of an image.

    Files of JPEG, PNG and GIF have a format, width, height and mode; WebP and AVIF have only a format. A JPEG has the
    facts about its tables, its `orientation`, and where they are known the `camera_size` from before it was scaled or
    cropped, and the program it was `saved_by`. A WebP file has `lossy` and `webp_quality`. A file with a palette has
    `colours`, the length of the palette.
    """
    format_name = formats.sniff(head)
    if format_name == "WEBP":
        found = webp.read_compression(head)
        return {"format": format_name, "lossy": found.is_lossy, "webp_quality": found.quality}
    if format_name == "AVIF":
        return {"format": format_name}
    with refusals("broken_header"):
        image = Image.open(io.BytesIO(head), formats=[format_name])
        facts = _describe(image)
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        facts |= {"orientation": orientation(image), **_history(image)}
    if format_name == "GIF":
        facts["colours"] = 2 << (head[10] & 7) if head[10] & 128 else None
    elif image.mode == "P" and image.palette:
        facts["colours"] = len(image.palette.palette) // 3
    return facts


def _history(image: JpegImagePlugin.JpegImageFile) -> Facts:
    """Return what the metadata say about changes since the camera wrote the file."""
    found: Facts = {}
    comment = image.info.get("comment", b"")
    if isinstance(comment, bytes) and comment.startswith(_GD):
        found["saved_by"] = "GD"
    try:
        camera = image.getexif().get_ifd(_EXIF_IFD)
        size: tuple[Any, Any] = camera.get(_EXIF_WIDTH), camera.get(_EXIF_HEIGHT)
    except Exception:  # broken EXIF raises many types of errors
        return found
    if all(isinstance(side, int) and side > 0 for side in size) and sorted(size) != sorted(image.size):
        found["camera_size"] = size
    return found


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8. It is 1 when the file has none or it cannot be read."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # broken EXIF raises many types of errors; the image itself is usable
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def num_frames(image: Image.Image) -> int | None:
    """Return the number of frames, or None when it is unknown. The further images of an MPO do not count."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return 1
    try:
        return min(int(getattr(image, "n_frames", 1)), _MOST_FRAMES)
    except Exception:  # a later frame is broken; the first one is usable
        return None


def wanted_frames(image: Image.Image, recipe: Recipe) -> Sequence[int]:
    """Return which frames become samples. Raises RefusedError when there are too many."""
    if recipe.frames == "first":
        return [0]
    picked = pick_frames(recipe.frames, num_frames(image) or 1)
    if len(picked) > recipe.max_frames:
        raise RefusedError(
            "too_many_frames",
            f"{len(picked)} frames would become samples ({recipe.frames}), max_frames allows {recipe.max_frames}.",
        )
    return picked


def _check(image: Image.Image, num_bytes: int, recipe: Recipe) -> None:
    width, height = image.size
    size = f"The image has {width} x {height} pixels"
    if width * height > recipe.max_pixels:
        raise RefusedError("too_many_pixels", f"{size}, max_pixels allows {recipe.max_pixels}.")
    if min(width, height) < recipe.min_side:
        raise RefusedError("too_small", f"{size}, min_side requires {recipe.min_side}.")
    if max(width, height) > recipe.max_aspect * min(width, height):
        raise RefusedError("too_long", f"{size}, max_aspect allows {recipe.max_aspect:g} to 1.")
    decoded = width * height * _MODE_BYTES.get(image.mode, 4)
    if decoded > _BOMB_FLOOR_BYTES and decoded > num_bytes * recipe.max_expansion:
        raise RefusedError(
            "expands_too_much",
            f"{num_bytes} bytes expand {decoded // num_bytes} times, max_expansion allows {recipe.max_expansion}.",
        )


def _mark_of(image: Image.Image, data: bytes, recipe: Recipe) -> Facts:
    """Return what the file says about having been generated. Raises RefusedError when such files are refused."""
    xmp = image.info.get("xmp", b"")
    mark = marks.find_mark(data, xmp if isinstance(xmp, bytes) else b"")
    if mark in marks.GENERATED and recipe.marked == "refuse":
        where = "XMP metadata" if mark == marks.XMP else "Content Credentials"
        raise RefusedError(
            marks.REFUSED, f"Its {where} say that it was generated. To use such images, set marked to keep or class."
        )
    return {"marked": mark} if mark else {}


def _describe(image: Image.Image) -> Facts:
    facts: Facts = {"format": image.format, "width": image.width, "height": image.height, "mode": image.mode}
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        facts["jpeg_quality"] = jpeg.estimate_quality(image)
        facts["jpeg_subsampling"] = jpeg.subsampling(image)
        facts["jpeg_tables"] = jpeg.tables(image)
        facts["jpeg_progressive"] = bool(image.info.get("progressive"))
    return facts
