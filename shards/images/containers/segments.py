"""Checks the marker segments of a JPEG file (ITU-T T.81, annex B).

libjpeg prints a warning about most of this damage and continues; Pillow does not pass these warnings on. The
entropy-coded bytes are not decoded here, so damage is only found when it changes the markers.
"""

import math
import re
from dataclasses import dataclass, field

# Any number of FF bytes may precede a marker as padding. The patterns do not match them, because that would take
# quadratic time on a file full of FF.
_MARKER = re.compile(rb"\xff([^\x00\xff])")
# In entropy-coded data, FF 00 stands for a byte FF, and restart markers are part of the data.
_SCAN_END = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_RESTARTS_IN_ORDER = bytes(range(0xD0, 0xD8))
_END, _SCAN, _INTERVAL = 0xD9, 0xDA, 0xDD
_TABLES = {0xC4, 0xDB, _SCAN, _INTERVAL}
_REMARKS = {_END, 0xDC, 0xFE, *range(0xE0, 0xF0)}
_SEQUENTIAL, _FRAMES = {0xC0, 0xC1, 0xC9}, {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


@dataclass
class _Frame:
    """What the headers have told so far. `components` maps each component to its sampling factors."""

    sequential: bool = False
    size: tuple[int, int] = (0, 0)
    components: dict[int, tuple[int, int]] = field(default_factory=dict)
    restart_interval: int = 0


def damage(data: bytes) -> str:
    """Return how the segments of a JPEG file are damaged, or an empty string.

    `stray_bytes`: there are bytes between segments. `broken_scan`: restart markers are missing or out of order, or a
    marker is at a place where it must not be. `no_end_mark`: the file ends without an end mark. Bytes after the end
    mark are ignored, because cameras write padding there, and MPO files further images.
    """
    frame, position, harm = _Frame(), 2, ""
    while match := _MARKER.search(data, position):
        if data[position : match.start()].strip(b"\xff"):
            harm = harm or "stray_bytes"
        marker = match[1][0]
        if marker == _END:
            return harm
        start = match.end()
        position = start + int.from_bytes(data[start : start + 2])
        _read(frame, marker, data[start + 2 : position])
        if marker == _SCAN:
            end = _SCAN_END.search(data, position)
            if end is None:
                break
            if not _is_whole(frame, data, start, position, end):
                return harm or "broken_scan"
            position = end.start()
    return harm or "no_end_mark"


def _read(frame: _Frame, marker: int, content: bytes) -> None:
    if marker == _INTERVAL:
        frame.restart_interval = int.from_bytes(content[:2])
    elif marker in _FRAMES:
        frame.sequential = marker in _SEQUENTIAL
        frame.size = int.from_bytes(content[3:5]), int.from_bytes(content[1:3])
        parts = (content[at : at + 2] for at in range(6, len(content) - 2, 3))
        frame.components = {name: (factors >> 4, factors & 15) for name, factors in parts}


def _is_whole(frame: _Frame, data: bytes, header: int, start: int, end: "re.Match[bytes]") -> bool:
    """Return whether a scan has all its restart markers, and whether the marker that follows is allowed there."""
    everything = data[header + 2] == len(frame.components)
    may_follow = _REMARKS if frame.sequential and everything else _REMARKS | _TABLES
    if end[1][0] not in may_follow:
        return False
    found = b"".join(_RESTART.findall(data, start, end.start())) if frame.restart_interval else b""
    if found != (_RESTARTS_IN_ORDER * (len(found) // 8 + 1))[: len(found)]:
        return False
    if not (frame.restart_interval and everything and all(frame.size)):
        return True
    return len(found) == math.ceil(_num_units(frame) / frame.restart_interval) - 1


def _num_units(frame: _Frame) -> int:
    """Return the number of minimum coded units in a scan of all components."""
    if len(frame.components) == 1:  # not interleaved: each unit is one block, whatever the factors are
        wide = high = 1
    else:
        wide = max(factor for factor, _ in frame.components.values())
        high = max(factor for _, factor in frame.components.values())
    return math.ceil(frame.size[0] / (8 * max(wide, 1))) * math.ceil(frame.size[1] / (8 * max(high, 1)))
