"""Frames between the build and its decoder children: a JSON head and raw bytes behind it, over a pipe.

JSON and not pickle: a child that was taken over by a hostile image must not be able to make its parent run
code. What it sends is bounded before it is held, and read as JSON only then.
"""

import json
import struct
from typing import IO, Any

_PREFIX = struct.Struct("<II")
_MOST_HEAD_BYTES = 2**26
Head = dict[str, Any]


def pack(head: Head, payload: bytes = b"") -> bytes:
    """Return one frame; head and payload take at most 4 GiB each."""
    text = json.dumps(head, separators=(",", ":")).encode()
    return _PREFIX.pack(len(text), len(payload)) + text + payload


def read_frame(stream: IO[bytes]) -> tuple[Head, bytes] | None:
    """Read one frame from a blocking stream, None at its end; raises EOFError when it ends inside one or is none."""
    prefix = stream.read(_PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < _PREFIX.size:
        raise EOFError("the stream ended inside a frame")
    head_bytes, payload_bytes = _PREFIX.unpack(prefix)
    if head_bytes > _MOST_HEAD_BYTES:
        raise EOFError(f"a frame with a head of {head_bytes} bytes")
    body = stream.read(head_bytes + payload_bytes)
    if len(body) != head_bytes + payload_bytes:
        raise EOFError("the stream ended inside a frame")
    return json.loads(body[:head_bytes]), body[head_bytes:]


class FrameBuffer:
    """Collects what a pipe gives piecemeal and hands out whole frames, with payloads of `most_bytes` at most."""

    def __init__(self, most_bytes: int) -> None:
        self._buffer = bytearray()
        self._most_bytes = most_bytes

    def feed(self, piece: bytes) -> None:
        """Add bytes as they come."""
        self._buffer += piece

    def next(self) -> tuple[Head, bytes] | None:
        """Return the next whole frame, or None when more bytes are needed; raises ValueError on what is no frame."""
        if len(self._buffer) < _PREFIX.size:
            return None
        head_bytes, payload_bytes = _PREFIX.unpack_from(self._buffer)
        if head_bytes > _MOST_HEAD_BYTES or payload_bytes > self._most_bytes:
            raise ValueError(f"a frame of {head_bytes} and {payload_bytes} bytes")
        end = _PREFIX.size + head_bytes + payload_bytes
        if len(self._buffer) < end:
            return None
        middle = _PREFIX.size + head_bytes
        with memoryview(self._buffer) as view:
            head, payload = bytes(view[_PREFIX.size : middle]), bytes(view[middle:end])
        del self._buffer[:end]
        return json.loads(head), payload
