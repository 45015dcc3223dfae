"""Getting at the bytes of one file, wherever it lies.

A `place` is a JSON list whose first item says how to read the rest: `["file", path]`.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from shards.errors import RefusedError

Place = Sequence[str | int]


def read(place: Place, max_bytes: int) -> bytes:
    """Return the bytes at a place; raises RefusedError when it is unreadable or holds over `max_bytes`."""
    try:
        return _read_file(str(place[1]), max_bytes)
    except OSError as error:
        raise RefusedError("unreadable", f"the file cannot be read: {error.strerror or error}") from error


def _read_file(path: str, max_bytes: int) -> bytes:
    with Path(path).open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise RefusedError("file_too_large", f"{size} bytes; max_file_bytes allows {max_bytes}")
        return file.readall()
