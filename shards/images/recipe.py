"""The recipe: the settings that are applied to every image. It is sent to the decoder children as JSON.

It has exactly the settings that decide which bytes are stored for given input bytes. This module imports nothing heavy,
because decoder children import it at every start.
"""

import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ENCODINGS = "original, jpeg:Q, jpeg:Q:444, jpeg:Q:422, jpeg:Q:420, png, gif, webp:Q, webp:lossless or avif:Q"
FRAMES = "first, all, every:N or most:N"
_LOSSY = re.compile(r"(?P<format>jpeg|webp|avif):(?P<quality>\d{1,3})(?::(?P<subsampling>444|422|420))?")
_FRAMES = re.compile(r"first|all|(?P<kind>every|most):(?P<number>[1-9]\d{0,5})")
_SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "AVIF": "avif", "GIF": "gif", "MPO": "jpg"}
SUFFIXES = frozenset(_SUFFIX.values())


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a sample is stored. `format` is Pillow's name; `quality` is None for formats without a quality."""

    format: str
    quality: int | None = None
    lossless: bool = False
    subsampling: str | None = None
    keep_original: bool = False

    @classmethod
    def parse(cls, text: str) -> "Encoding":
        """Parse an encoding such as `jpeg:95`. Raises ValueError that lists what is allowed."""
        name = text.strip().lower()
        if name == "original":  # images that must be changed are stored without loss
            return cls("PNG", keep_original=True)
        if name in ("png", "gif"):
            return cls(name.upper())
        if name == "webp:lossless":
            return cls("WEBP", lossless=True)
        match = _LOSSY.fullmatch(name)
        if match and 1 <= int(match["quality"]) <= 100 and (match["format"] == "jpeg" or not match["subsampling"]):
            return cls(match["format"].upper(), int(match["quality"]), subsampling=match["subsampling"])
        raise ValueError(f"The encoding {text!r} is unknown. Use {ENCODINGS}, with Q from 1 to 100.")


def suffix_of(format_name: str) -> str:
    """Return the file name suffix for a format name of Pillow."""
    return _SUFFIX[format_name]


def pick_frames(policy: str, num_frames: int) -> Sequence[int]:
    """Return the frames of an animation that a policy takes. Raises ValueError when the policy is unknown.

    `num_frames` is what the file claims. It may be huge, so the result is not always a list.
    """
    match = _FRAMES.fullmatch(policy.strip().lower())
    if match is None:
        raise ValueError(f"The frames policy {policy!r} is unknown. Use {FRAMES}, with N from 1.")
    if match["kind"] == "every":
        return range(0, num_frames, int(match["number"]))
    if match["kind"] == "most":
        most = min(int(match["number"]), num_frames)
        return [index * num_frames // most for index in range(most)]
    return range(num_frames if match[0] == "all" else 1)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done to one image. Equal recipes store equal bytes for equal input."""

    resolution: int
    channels: int
    shape: str
    resample: str
    only_shrink: bool
    encoding: str
    frames: str
    alpha: str
    background: tuple[int, int, int]
    max_pixels: int
    max_file_bytes: int
    max_expansion: int
    max_frames: int
    max_aspect: float
    min_side: int
    damaged: str
    duplicates: str
    marked: str
    image_width: int = 0  # of images that are not square

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a sample."""
        return self.image_width or self.resolution, self.resolution

    def most_pixels(self) -> int:
        """Return the largest number of pixels of a sample."""
        if self.shape == "as_is":
            return self.max_pixels
        width, height = self.size
        return int(width * height * (self.max_aspect + 1 if self.shape == "keep_aspect" else 1))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON values. The width of square images is left out, so hashes do not change."""
        values = dataclasses.asdict(self)
        return values if self.image_width else {name: values[name] for name in values if name != "image_width"}

    def to_json(self) -> str:
        """Return the settings as canonical JSON: equal recipes give equal text."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """Create a recipe from the result of `to_dict`, also after it was sent as JSON."""
        return cls(**{**values, "background": tuple(values["background"])})
