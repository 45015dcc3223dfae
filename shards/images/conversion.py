"""Converts the bytes of one file into samples: inspect, decode, resize, convert colours, encode."""

import hashlib
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image, JpegImagePlugin

from shards.images import colour, geometry, jpeg
from shards.images.frames import decode_frames, uncovered_box
from shards.images.inspection import Facts, num_frames, open_image, orientation, refusals, wanted_frames
from shards.images.recipe import Encoding, Recipe, suffix_of

_JPEG_SUBSAMPLING = {"444": 0, "422": 1, "420": 2}
_EIGHTH = 8


@dataclass(frozen=True, slots=True)
class Stored:
    """One sample as it is written to a shard: its encoded bytes and facts about them."""

    data: bytes
    facts: Facts


@dataclass(frozen=True, slots=True)
class Converted:
    """The result for one file: facts about the file, and the samples made from it."""

    facts: Facts
    samples: list[Stored]


def convert(data: bytes, recipe: Recipe, seed: int = 0) -> Converted:
    """Convert the bytes of one file into samples. Raises RefusedError, with a reason code, when it is not possible.

    `seed` decides where a random crop lies. Callers compute it from the content of the file, so that a file always
    gives the same crop.
    """
    image, facts = open_image(data, recipe)
    encoding = Encoding.parse(recipe.encoding)
    with refusals("broken_data"):
        picked = wanted_frames(image, recipe)
        if encoding.keep_original and image.mode == facts["mode"] and _is_as_wanted(image, recipe):
            samples = [_pass_through(data, image, recipe)]
            facts |= {"orientation": 1, "icc": "kept"}
        else:
            if list(picked[:2]) == [0]:
                _draft(image, recipe)
            frames = zip(picked, decode_frames(image, data, picked, facts["mode"]), strict=True)
            samples = [_make(frame, number, recipe, encoding, seed, facts) for number, frame in frames]
    facts["frames"] = num_frames(image)
    if len(samples) < (facts["frames"] or 2) and not facts["damage"]:
        facts["damage"] = "unread_frames"  # nothing is known about frames that were not decoded
    return Converted(facts, samples)


def rendered(image: Image.Image, recipe: Recipe) -> Image.Image:
    """Return the pixels of a stored sample. The encoding `original` leaves the conversion of colours to the reader."""
    pixels, _ = colour.to_srgb(colour.resamplable(image, recipe), image.info.get("icc_profile"))
    return colour.flattened(pixels, recipe)


def _is_as_wanted(image: Image.Image, recipe: Recipe) -> bool:
    """Return whether a file can be stored untouched: one frame that fills the canvas, upright, of the wanted shape."""
    if (
        num_frames(image) != 1
        or uncovered_box(image)
        or geometry.plan(image.size, recipe, 0) != geometry.unchanged(image.size)
    ):
        return False
    if image.format == "PNG":
        # The orientation may be stored after the pixels. Broken pixels must raise here, because reading the
        # orientation decodes the pixels as well, and hides their errors.
        image.load()
    elif "exif" not in image.info and "xmp" not in image.info:
        return True
    return orientation(image) == 1


def _pass_through(data: bytes, image: Image.Image, recipe: Recipe) -> Stored:
    size, suffix = image.size, suffix_of(image.format or "")
    if isinstance(image, JpegImagePlugin.JpegImageFile) and recipe.duplicates == "bytes":
        # A decode at 1/8 of the size finds broken data, too: it reads the whole file, but skips most of the arithmetic.
        image.draft(None, (size[0] // _EIGHTH, size[1] // _EIGHTH))
    image.load()
    facts = _facts_of(data, size, suffix, 0)
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        facts |= {"stored_jpeg_tables": jpeg.tables(image), "stored_jpeg_subsampling": jpeg.subsampling(image)}
    return Stored(data, facts | _looks(image, recipe))


def _draft(image: Image.Image, recipe: Recipe) -> None:
    """Let libjpeg decode at its smallest scale that leaves at least twice the target size."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        grey = recipe.channels == 1 and image.mode == "RGB" and "icc_profile" not in image.info
        image.draft("L" if grey else None, geometry.draft_size(image.size, recipe))


def _make(frame: Image.Image, number: int, recipe: Recipe, encoding: Encoding, seed: int, facts: Facts) -> Stored:
    facts["orientation"] = orientation(frame)
    pixels = geometry.upright(colour.resamplable(frame, recipe), facts["orientation"])
    pixels = geometry.shaped(pixels, recipe, seed)
    pixels, facts["icc"] = colour.to_srgb(pixels, frame.info.get("icc_profile"))
    pixels = geometry.bordered(colour.flattened(pixels, recipe), recipe)
    data = encode(pixels, encoding)
    made = _facts_of(data, pixels.size, suffix_of(encoding.format), number) | _encoding_facts(encoding, pixels.mode)
    return Stored(data, made | _looks(pixels, recipe))


def _facts_of(data: bytes, size: geometry.Size, suffix: str, frame: int) -> Facts:
    return {
        "frame": frame,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "suffix": suffix,
        "stored_width": size[0],
        "stored_height": size[1],
    }


def _encoding_facts(encoding: Encoding, mode: str) -> Facts:
    if encoding.format != "JPEG":
        return {}
    tables, subsampling = jpeg.as_written(*_options(encoding).values(), mode)
    return {"stored_jpeg_tables": tables, "stored_jpeg_subsampling": subsampling}


def _looks(pixels: Image.Image, recipe: Recipe) -> Facts:
    """Return the hashes with which equal and similar images are found, if the recipe asks for them."""
    if recipe.duplicates == "bytes":
        return {}
    rgb = rendered(pixels, recipe) if "icc_profile" in pixels.info or pixels.mode not in ("L", "RGB") else pixels
    shape = f"{rgb.mode} {rgb.size}".encode()
    looks: Facts = {"pixel_sha256": hashlib.sha256(shape + rgb.tobytes()).hexdigest()}
    if recipe.duplicates == "near":
        import imagehash  # imports scipy, which takes half a second

        looks["perceptual_hash"] = str(imagehash.phash(rgb))
    return looks


def encode(image: Image.Image, encoding: Encoding) -> bytes:
    """Return a grey or RGB image as the bytes of a sample. GIF keeps 256 colours, chosen for each image."""
    clean = image.copy() if isinstance(image.info, dict) and image.info else image
    clean.info = {}  # else comments, profiles and transparency of the source would be written to the sample
    buffer = io.BytesIO()
    clean.save(buffer, encoding.format, **_options(encoding))
    return buffer.getvalue()


def _options(encoding: Encoding) -> dict[str, Any]:
    if encoding.format == "JPEG":
        assert encoding.quality is not None
        # From quality 90 on, chroma is stored at full resolution.
        subsampling = encoding.subsampling or ("444" if encoding.quality >= 90 else "420")
        return {"quality": encoding.quality, "subsampling": _JPEG_SUBSAMPLING[subsampling]}
    if encoding.format == "AVIF":
        return {"quality": encoding.quality, "max_threads": 1}
    if encoding.format == "WEBP":
        return {"lossless": True} if encoding.lossless else {"quality": encoding.quality}
    return {}
