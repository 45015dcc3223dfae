"""The recipe: what is done to every image, in a form that travels to the decoder children as plain JSON.

It holds exactly the settings that decide which bytes come out for given bytes in. It imports nothing heavy:
the children that decode would otherwise pay for pydantic and pyarrow at every start.
"""

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import Any

_ENCODING = re.compile(r"(?P<format>jpeg|webp|png)(?::(?P<quality>\d{1,3}|lossless))?")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a sample is stored: `format` is Pillow's name, `quality` None where it does not apply."""

    format: str
    suffix: str
    quality: int | None = None
    lossless: bool = False

    @classmethod
    def parse(cls, text: str) -> "Encoding":
        """Read `jpeg:Q`, `png`, `webp:Q` or `webp:lossless`; raises ValueError that says what is allowed."""
        match = _ENCODING.fullmatch(text.strip().lower())
        name, quality = (match["format"], match["quality"]) if match else ("", None)
        if name == "png" and quality is None:
            return cls("PNG", "png")
        if name == "webp" and quality == "lossless":
            return cls("WEBP", "webp", lossless=True)
        if name in ("jpeg", "webp") and quality and quality.isdigit() and 1 <= int(quality) <= 100:
            return cls(name.upper(), "jpg" if name == "jpeg" else name, int(quality))
        raise ValueError(
            f"encoding {text!r} is unknown; use jpeg:Q (such as jpeg:95), png, webp:Q or webp:lossless, Q "
            f"from 1 to 100"
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """What happens to one image; two equal recipes give equal bytes for equal bytes in."""

    resolution: int
    channels: int
    encoding: str
    background: tuple[int, int, int]
    max_pixels: int
    max_file_bytes: int
    max_expansion: int
    min_side: int
    damaged: str

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON values."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        """Return the settings as canonical JSON: equal recipes, equal text."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """Undo `to_dict`, also after a trip through JSON."""
        return cls(**{**values, "background": tuple(values["background"])})
