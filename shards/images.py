"""One image from its file's bytes to the bytes of a sample: look, decide, decode, shape, colour, encode."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from typing import Any

from PIL import (
    Image,
    JpegImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401  registers its decoder; Pillow would else load all its plugins at a WebP
)

from shards import colour, formats, geometry, jpeg
from shards.errors import RefusedError
from shards.recipe import Encoding, Recipe

Facts = dict[str, Any]
_EXIF_ORIENTATION = 0x0112
_BOMB_FLOOR_BYTES = 2**20
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "LA": 2, "I;16": 2, "RGB": 3}


@dataclass(frozen=True, slots=True)
class Stored:
    """One sample as it goes into a shard: the encoded bytes, their sha256 and the size in pixels."""

    data: bytes
    sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Converted:
    """What one file gave: facts about the file and the samples made from it."""

    facts: Facts
    samples: list[Stored]


def convert(data: bytes, recipe: Recipe) -> Converted:
    """Turn the bytes of one file into samples; raises RefusedError with a reason code when that cannot be."""
    format_name = formats.sniff(data)
    harm = formats.damage(format_name, data)
    if harm and recipe.damaged == "refuse":
        raise RefusedError(harm, f"the {format_name} file decodes, but is damaged: {harm.replace('_', ' ')}")
    with _refusals("broken_header"):
        image = _open(data, format_name)
    _check(image, len(data), recipe)
    facts = _describe(image) | {"damage": harm}
    with _refusals("broken_data"):
        pixels = _load(image, recipe)
        facts["orientation"] = _orientation(image)
        profile = image.info.get("icc_profile")
        pixels = geometry.upright(colour.resamplable(pixels), facts["orientation"])
        pixels = geometry.square(pixels, recipe.resolution)
        pixels, facts["icc"] = colour.to_srgb(pixels, profile)
        stored = _encode(
            colour.flattened(pixels, recipe.channels, recipe.background), Encoding.parse(recipe.encoding)
        )
    facts["frames"] = _num_frames(image)
    return Converted(facts, [stored])


class _refusals:  # noqa: N801  reads as a word in a with statement
    """Turn whatever Pillow raises into a refusal: it raises far more than OSError on hostile files."""

    def __init__(self, code: str) -> None:
        self._code = code

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, RefusedError) or not isinstance(error, Exception):
            return
        text = str(error) or type(error).__name__
        if isinstance(error, MemoryError):
            raise RefusedError(
                "out_of_memory", "decoding took more memory than memory_limit_mb allows"
            ) from error
        if isinstance(error, Image.DecompressionBombError):
            raise RefusedError("too_many_pixels", text) from error
        if isinstance(error, UnidentifiedImageError):
            raise RefusedError(
                "broken_header", "the file starts like an image, but its header cannot be read"
            ) from error
        raise RefusedError("truncated" if "truncated" in text.lower() else self._code, text) from error


def _open(data: bytes, format_name: str) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(io.BytesIO(data), formats=[format_name])


def _check(image: Image.Image, num_bytes: int, recipe: Recipe) -> None:
    width, height = image.size
    if width * height > recipe.max_pixels:
        raise RefusedError(
            "too_many_pixels", f"{width} x {height} pixels; max_pixels allows {recipe.max_pixels}"
        )
    if min(width, height) < recipe.min_side:
        raise RefusedError("too_small", f"{width} x {height} pixels; min_side asks for {recipe.min_side}")
    decoded = width * height * _MODE_BYTES.get(image.mode, 4)
    if decoded > _BOMB_FLOOR_BYTES and decoded > num_bytes * recipe.max_expansion:
        raise RefusedError(
            "expands_too_much",
            f"{num_bytes} bytes grow to {decoded}, {decoded // num_bytes} times; max_expansion allows "
            f"{recipe.max_expansion}",
        )


def _describe(image: Image.Image) -> Facts:
    facts: Facts = {"format": image.format, "width": image.width, "height": image.height, "mode": image.mode}
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        facts["jpeg_quality"] = jpeg.estimate_quality(image)
        facts["jpeg_subsampling"] = jpeg.subsampling(image)
        facts["jpeg_progressive"] = bool(image.info.get("progressive"))
    return facts


def _load(image: Image.Image, recipe: Recipe) -> Image.Image:
    """Decode the first frame, a JPEG at the smallest scale of libjpeg's that leaves twice the target."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        grey = recipe.channels == 1 and image.mode == "RGB" and "icc_profile" not in image.info
        image.draft("L" if grey else None, geometry.draft_size(image.size, recipe.resolution))
    image.load()
    return image


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # broken EXIF raises anything from SyntaxError to struct.error, and costs no picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _num_frames(image: Image.Image) -> int | None:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # a later frame is broken; the first, which is the one that counts, was fine
        return None


def _encode(image: Image.Image, encoding: Encoding) -> Stored:
    image.info = {}  # else comments, profiles and transparency keys of the source slip into the sample
    buffer = io.BytesIO()
    image.save(buffer, encoding.format, **_options(encoding))
    data = buffer.getvalue()
    return Stored(data, hashlib.sha256(data).hexdigest(), image.width, image.height)


def _options(encoding: Encoding) -> dict[str, Any]:
    if encoding.format == "JPEG":
        assert encoding.quality is not None
        # From 90 on, whoever asks for it wants the colours as well.
        return {"quality": encoding.quality, "subsampling": 0 if encoding.quality >= 90 else 2}
    if encoding.format == "WEBP":
        return {"lossless": True} if encoding.lossless else {"quality": encoding.quality}
    return {}
