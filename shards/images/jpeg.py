"""How a JPEG file was compressed: quantisation tables, quality and chroma subsampling."""

import io
from functools import lru_cache

from PIL import Image, JpegImagePlugin

# The luminance table of the JPEG standard (Annex K). Nearly every encoder scales it by its quality setting.
_STANDARD = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_SUBSAMPLING = {
    (1, 1): "4:4:4",
    (2, 1): "4:2:2",
    (2, 2): "4:2:0",
    (1, 2): "4:4:0",
    (4, 1): "4:1:1",
    (4, 2): "4:1:0",
}


def estimate_quality(image: JpegImagePlugin.JpegImageFile) -> int | None:
    """Return the quality, 1 to 100, whose scaled standard table is closest to the table of the file, or None."""
    if 0 not in image.quantization:
        return None
    return _nearest(tuple(image.quantization[0]))


def subsampling(image: JpegImagePlugin.JpegImageFile) -> str | None:
    """Return the chroma subsampling, such as 4:2:0. It is `other` for unusual ones, and None for grey and CMYK."""
    if image.layers != 3:
        return None
    (_, wide, high, _), *chroma = image.layer
    if any((h, v) != (1, 1) for _, h, v, _ in chroma):
        return "4:4:4" if all((h, v) == (wide, high) for _, h, v, _ in chroma) else "other"
    return _SUBSAMPLING.get((wide, high), "other")


def tables(image: JpegImagePlugin.JpegImageFile) -> str | None:
    """Return the quantisation tables as text: 64 numbers each, row by row, low frequencies first.

    There is one table per component, in their order, separated by semicolons. When the last two of three tables are
    equal, as in most colour files, two are given. None is returned when a component names a missing table.
    """
    named = [image.quantization.get(component[3]) for component in image.layer]
    if not named or any(table is None for table in named):
        return None
    texts = [",".join(map(str, table or ())) for table in named]
    if len(texts) == 3 and texts[1] == texts[2]:
        texts.pop()
    return ";".join(texts)


@lru_cache(maxsize=64)
def as_written(quality: int, chroma: int, mode: str) -> tuple[str | None, str | None]:
    """Return tables and subsampling of the JPEG files that Pillow writes with these options, for any pixels."""
    buffer = io.BytesIO()
    Image.new(mode, (16, 16)).save(buffer, "JPEG", quality=quality, subsampling=chroma)
    with Image.open(buffer, formats=["JPEG"]) as image:
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        return tables(image), subsampling(image)


@lru_cache(maxsize=1024)  # images of one collection share few tables
def _nearest(table: tuple[int, ...]) -> int:
    exact = _tables().get(table)
    if exact is not None:
        return exact
    return min(_tables().items(), key=lambda known: abs(sum(known[0]) - sum(table)))[1]


@lru_cache(maxsize=1)
def _tables() -> dict[tuple[int, ...], int]:
    """Return every table that libjpeg makes, with its quality. Computed as in jpeg_quality_scaling of libjpeg."""
    tables = {}
    for quality in range(1, 101):
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        tables[tuple(min(max((value * scale + 50) // 100, 1), 255) for value in _STANDARD)] = quality
    return tables
