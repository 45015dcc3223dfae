"""Messages between the build and its decoder children: frames of a JSON head and raw bytes, over a pipe.

JSON is used instead of pickle, because a child that a malicious image has taken over must not be able to run code in
its parent. The size of a frame is checked before the frame is read.
"""

import json
import struct
from typing import IO, Any

_PREFIX = struct.Struct("<II")
_MOST_HEAD_BYTES = 2**26
Head = dict[str, Any]


def pack(head: Head, payload: bytes = b"") -> bytes:
    """Return one frame. Head and payload have at most 4 GiB each."""
    text = json.dumps(head, separators=(",", ":")).encode()
    return _PREFIX.pack(len(text), len(payload)) + text + payload


def read_frame(stream: IO[bytes]) -> tuple[Head, bytes] | None:
    """Read one frame from a blocking stream. Returns None at its end; raises EOFError for a bad frame."""
    prefix = stream.read(_PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < _PREFIX.size:
        raise EOFError("the stream ended inside a frame")
    head_bytes, payload_bytes = _PREFIX.unpack(prefix)
    if head_bytes > _MOST_HEAD_BYTES:
        raise EOFError(f"a frame has a head of {head_bytes} bytes, at most {_MOST_HEAD_BYTES} are read")
    body = stream.read(head_bytes + payload_bytes)
    if len(body) != head_bytes + payload_bytes:
        raise EOFError("the stream ended inside a frame")
    return json.loads(body[:head_bytes]), body[head_bytes:]


class FrameBuffer:
    """Collects the pieces that a pipe gives, and returns whole frames with payloads of at most `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._buffer = bytearray()
        self._most_bytes = most_bytes

    def feed(self, piece: bytes) -> None:
        """Add the next piece."""
        self._buffer += piece

    def next(self) -> tuple[Head, bytes] | None:
        """Return the next whole frame, or None when more bytes are needed. Raises ValueError for a bad frame."""
        if len(self._buffer) < _PREFIX.size:
            return None
        head_bytes, payload_bytes = _PREFIX.unpack_from(self._buffer)
        if head_bytes > _MOST_HEAD_BYTES or payload_bytes > self._most_bytes:
            raise ValueError(f"a frame has {head_bytes} and {payload_bytes} bytes, which is too much")
        end = _PREFIX.size + head_bytes + payload_bytes
        if len(self._buffer) < end:
            return None
        middle = _PREFIX.size + head_bytes
        with memoryview(self._buffer) as view:
            head, payload = bytes(view[_PREFIX.size : middle]), bytes(view[middle:end])
        del self._buffer[:end]
        return json.loads(head), payload
