"""Reads the frames of GIF (GIF89a specification) and APNG (PNG specification, third edition) as they are stored.

A stored frame covers a part of the canvas. It is taken out of its animation as a still image that Pillow decodes.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from shards.images.colour import averageable

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DISPOSALS = ("none", "background", "previous")


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame: a still image, its box on the canvas, its disposal, and whether it is blended with the canvas."""

    still: bytes
    format: str
    box: tuple[int, int, int, int]
    dispose: str
    blend: bool

    def decode(self) -> Image.Image:
        """Return the pixels as RGBA."""
        with Image.open(io.BytesIO(self.still), formats=[self.format]) as image:
            return averageable(image).convert("RGBA")


def gif_frames(data: bytes) -> Iterator[StoredFrame]:
    """Yield the frames of a GIF file. Raises IndexError or struct.error when it is truncated."""
    flags, position = data[10], 13
    position += _palette_bytes(flags)
    global_palette, control, dispose = data[13:position], b"", "none"
    while (kind := data[position]) != 0x3B:
        start = position
        if kind == 0x21:
            position = _after_blocks(data, position + 2)
            if data[start + 1] == 0xF9:
                control = data[start:position]
                dispose = {2: "background", 3: "previous"}.get(control[3] >> 2 & 7, "none")
        elif kind == 0x2C:
            left, top, width, height, local = struct.unpack_from("<HHHHB", data, start + 1)
            position = _after_blocks(data, start + 10 + _palette_bytes(local) + 1)
            screen = struct.pack("<HHB", width, height, flags) + b"\0\0"
            descriptor = struct.pack("<BHHHHB", kind, 0, 0, width, height, local)
            still = b"GIF89a" + screen + global_palette + control + descriptor + data[start + 10 : position] + b";"
            yield StoredFrame(still, "GIF", (left, top, left + width, top + height), dispose, blend=True)
            control, dispose = b"", "none"
        else:
            position += 1  # padding between blocks, which viewers skip, too


def _palette_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, position: int) -> int:
    while length := data[position]:
        position += length + 1
    return position + 1


def png_frames(data: bytes) -> Iterator[StoredFrame]:
    """Yield the frames of an APNG file, in the numbering of Pillow: a default image outside the animation is first."""
    header, shared, pixels = b"", b"", b""
    # A default image is removed before the animation begins, so its disposal is background.
    control = struct.pack(">IIIIIHHBB", 0, *struct.unpack_from(">II", data, 16), 0, 0, 0, 0, 1, 0)
    for kind, content in _png_chunks(data):
        if kind == b"IHDR":
            header = content
        elif kind in (b"PLTE", b"tRNS"):
            shared += _png_chunk(kind, content)
        elif kind in (b"fcTL", b"IEND"):
            if pixels:
                yield _png_frame(header, shared, control, pixels)
            control, pixels = content, b""
        elif kind in (b"IDAT", b"fdAT"):
            pixels += content if kind == b"IDAT" else content[4:]


def _png_frame(header: bytes, shared: bytes, control: bytes, pixels: bytes) -> StoredFrame:
    _, width, height, left, top, _, _, dispose, blend = struct.unpack(">IIIIIHHBB", control)
    chunks = _png_chunk(b"IHDR", struct.pack(">II", width, height) + header[8:]) + shared
    still = _PNG_SIGNATURE + chunks + _png_chunk(b"IDAT", pixels) + _png_chunk(b"IEND", b"")
    return StoredFrame(still, "PNG", (left, top, left + width, top + height), _DISPOSALS[dispose], bool(blend))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(_PNG_SIGNATURE)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        yield data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        position += length + 12


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
