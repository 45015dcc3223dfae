"""How a WebP file was compressed, from its first bytes: lossless, or lossy at which quality (RFC 6386, RFC 9649)."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

_LOSSY, _LOSSLESS, _FRAME = b"VP8 ", b"VP8L", b"ANMF"
_FRAME_HEADER = 16  # bytes before the chunks of a frame of an animation
_START_CODE = b"\x9d\x01\x2a"
_MOST_CHUNKS = 64
_SEGMENTS = 4
_LARGEST = 127  # quantiser index


class WebpCompression(NamedTuple):
    """Whether the pixels of the first frame were compressed with loss, and at which quality.

    `is_lossy` is None where the given bytes end before the chunk with the pixels. `quality` is that of libwebp, 1 to
    100, to about 10: its encoder also adapts to the content of each image. It is None for a lossless file, and where
    the header cannot be read.
    """

    is_lossy: bool | None
    quality: int | None = None


def read_compression(data: bytes) -> WebpCompression:
    """Say how a WebP file that begins with `data` was compressed."""
    for kind, start in _chunks(data, 12, depth=0):
        if kind == _LOSSLESS:
            return WebpCompression(is_lossy=False)
        if kind == _LOSSY:
            return WebpCompression(is_lossy=True, quality=_quality(data[start:]))
    return WebpCompression(is_lossy=None)


def _chunks(data: bytes, position: int, depth: int) -> Iterator[tuple[bytes, int]]:
    """Yield the name of each chunk and where its content begins; those of the first frame instead of the frame."""
    for _ in range(_MOST_CHUNKS):
        if position + 8 > len(data):
            return
        kind, size = struct.unpack_from("<4sI", data, position)
        if kind == _FRAME and depth == 0:
            yield from _chunks(data, position + 8 + _FRAME_HEADER, depth=1)
            return
        yield kind, position + 8
        position += 8 + size + size % 2


def _quality(frame: bytes) -> int | None:
    try:
        index = _quantiser(frame)
    except IndexError:  # the given bytes end in the header
        return None
    if index is None:
        return None
    # The inverse of QualityToCompression in libwebp's encoder.
    linear = (1 - index / _LARGEST) ** 3
    share = linear * 1.5 if linear < 0.5 else (linear + 1) / 2
    return min(max(round(100 * share), 1), 100)


def _quantiser(frame: bytes) -> float | None:
    """Return the mean quantiser index of the segments of a key frame, 0 to 127 (RFC 6386, 9.2 to 9.6)."""
    if frame[0] & 1 or frame[3:6] != _START_CODE:
        return None
    bits = _BoolDecoder(frame[10:])
    bits.number(2)  # colour space and clamping
    segments: list[int] = []
    absolute = 0
    if bits.number(1):
        has_map, has_data = bits.number(1), bits.number(1)
        if has_data:
            absolute = bits.number(1)
            segments = [bits.optional(7) for _ in range(_SEGMENTS)]
            for _ in range(_SEGMENTS):
                bits.optional(6)
        if has_map:
            for _ in range(_SEGMENTS - 1):
                if bits.number(1):
                    bits.number(8)
    bits.number(1 + 6 + 3)  # loop filter
    if bits.number(1) and bits.number(1):
        for _ in range(8):
            bits.optional(6)
    bits.number(2)  # partitions
    base = bits.number(7)
    if not segments:
        return base
    return sum(segments) / _SEGMENTS + (0 if absolute else base)


class _BoolDecoder:
    """The arithmetic decoder of VP8, for bits of probability one half (RFC 6386, 7.3). Raises IndexError at the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._value = (data[0] << 8) | data[1]
        self._position, self._range, self._shifted = 2, 255, 0

    def number(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            value = (value << 1) | self._bit()
        return value

    def optional(self, bits: int) -> int:
        """Return a number with a sign that may be absent: then 0."""
        if not self._bit():
            return 0
        value = self.number(bits)
        return -value if self._bit() else value

    def _bit(self) -> int:
        split = 1 + ((self._range - 1) * 128 >> 8)
        bit = int(self._value >= split << 8)
        if bit:
            self._range -= split
            self._value -= split << 8
        else:
            self._range = split
        while self._range < 128:
            self._value <<= 1
            self._range <<= 1
            self._shifted += 1
            if self._shifted == 8:
                self._shifted = 0
                self._value |= self._data[self._position]
                self._position += 1
        return bit
