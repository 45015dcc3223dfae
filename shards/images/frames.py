"""Decodes the frames of animations. Pixels that no frame has drawn are transparent, as viewers show them.

Pillow makes such pixels black, or gives them a colour of the palette, when the file has no transparency. Later frames
of GIF and APNG are therefore drawn here: each stored frame is decoded as a still image of its own.
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import islice

from PIL import Image

from shards.images.stored_frames import StoredFrame, gif_frames, png_frames

Box = tuple[int, int, int, int]
_WEBP_FLAGS = 20  # position of the flags in a file that begins with a VP8X chunk
_ANIMATION, _ALPHA = 0x02, 0x10
_CLEAR = (0, 0, 0, 0)
_STORED = {"GIF": gif_frames, "PNG": png_frames}


def with_alpha(data: bytes) -> bytes | None:
    """Return an animated WebP file with the alpha flag set, or None when nothing needs to be changed.

    libwebp draws frames on a transparent canvas. Pillow drops this transparency unless the header has the alpha flag.
    """
    if data[12:16] != b"VP8X" or data[_WEBP_FLAGS] & (_ANIMATION | _ALPHA) != _ANIMATION:
        return None
    return data[:_WEBP_FLAGS] + bytes([data[_WEBP_FLAGS] | _ALPHA]) + data[_WEBP_FLAGS + 1 :]


def uncovered_box(image: Image.Image) -> Box | None:
    """Return the box of an undecoded opaque GIF frame that is smaller than the canvas, or None for other images."""
    if image.format != "GIF" or "transparency" in image.info or not getattr(image, "tile", None):
        return None
    box: Box = tuple(image.tile[0][1])  # type: ignore[attr-defined]
    return box if box != (0, 0, *image.size) else None


def decode_frames(image: Image.Image, data: bytes, numbers: Sequence[int], mode: str) -> Iterator[Image.Image]:
    """Yield the frames with these ascending numbers. `mode` is the mode according to the header of the file."""
    canvases, position = _canvases(data, image), 0
    for number in numbers:
        if number == 0:
            yield _first(image, mode)
        elif image.format in _STORED:
            canvas = next(islice(canvases, number - position, None), None)
            if canvas is None:
                raise ValueError(f"the animation is truncated: it has no frame {number}")
            position = number + 1
            yield _without_needless_alpha(canvas)
        else:
            image.seek(number)
            image.load()
            yield _without_needless_alpha(image) if mode == "RGB" else image


def _first(image: Image.Image, mode: str) -> Image.Image:
    box = uncovered_box(image)
    image.load()
    if box:
        canvas, drawn = image.convert("RGBA"), Image.new("L", image.size, 0)
        drawn.paste(255, box)
        canvas.putalpha(drawn)
        return canvas
    return _without_needless_alpha(image) if mode == "RGB" and image.format == "WEBP" else image


def _without_needless_alpha(image: Image.Image) -> Image.Image:
    opaque = image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255)
    return image.convert("RGB") if opaque else image


def _canvases(data: bytes, image: Image.Image) -> Iterator[Image.Image]:
    """Yield the canvas after each frame of a GIF or APNG file."""
    canvas = Image.new("RGBA", image.size, _CLEAR)
    canvas.info = {name: value for name, value in image.info.items() if name != "transparency"}
    for stored in _whole(_STORED[str(image.format)](data)):
        before = canvas.copy()
        _place(canvas, stored)
        yield canvas.copy()
        if stored.dispose == "previous":
            canvas = before
        elif stored.dispose == "background":
            canvas.paste(_CLEAR, stored.box)


def _whole(frames: Iterator[StoredFrame]) -> Iterator[StoredFrame]:
    try:
        yield from frames
    except (IndexError, struct.error) as error:
        raise ValueError("the animation is truncated") from error


def _place(canvas: Image.Image, stored: StoredFrame) -> None:
    pixels = stored.decode()
    left, top, right, bottom = stored.box
    if stored.blend:
        visible = pixels.crop((0, 0, min(right, canvas.width) - left, min(bottom, canvas.height) - top))
        canvas.alpha_composite(visible, (left, top))
    else:
        canvas.paste(pixels, (left, top))
