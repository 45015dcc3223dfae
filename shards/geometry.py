"""Shape: which part of an image is kept, and how it comes to its size."""

from PIL import Image

# EXIF orientation to what puts the picture upright again.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Reducing by a whole factor first, down to this many times the target, is not told apart from plain Lanczos.
_REDUCING_GAP = 3.0


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn or mirror an image as its EXIF orientation from 1 to 8 asks."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def draft_size(size: tuple[int, int], resolution: int) -> tuple[int, int]:
    """Return the smallest size a JPEG may be decoded at: twice the target on the shorter side."""
    return _scaled(size, 2 * resolution)


def square(image: Image.Image, resolution: int) -> Image.Image:
    """Cut the largest centred square and resample it to `resolution` pixels a side."""
    width, height = image.size
    edge = min(width, height)
    if edge == resolution == max(width, height):
        return image
    left, top = (width - edge) / 2, (height - edge) / 2
    return image.resize(
        (resolution, resolution),
        Image.Resampling.LANCZOS,
        box=(left, top, left + edge, top + edge),
        reducing_gap=_REDUCING_GAP,
    )


def _scaled(size: tuple[int, int], shorter: int) -> tuple[int, int]:
    ratio = shorter / min(size)
    return (-int(-size[0] * ratio // 1), -int(-size[1] * ratio // 1)) if ratio < 1 else size
