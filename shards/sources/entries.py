"""What a source is made of: entries, one a file, that say where the file is without having opened it."""

import os
from collections.abc import Sequence
from typing import NamedTuple

# A JSON list whose first item says how to read the rest; `shards.sources.opening` knows the kinds.
Place = Sequence[str | int]


class Entry(NamedTuple):
    """One file of the source: its name in it, its class, and what shows that it has changed."""

    source: str
    label: str | None
    size: int
    stamp: str
    place: Place


def top_folder(name: str) -> str | None:
    """Return the first folder of a name with slashes, None for a bare file name."""
    folder, slash, _ = name.partition("/")
    return folder if slash else None


def as_text(name: str) -> str:
    """Make a file name valid UTF-8: neither SQLite nor parquet can hold others; odd bytes stay readable."""
    try:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character, as JSON can write it: no file has such a name
        return name.encode("utf-8", "backslashreplace").decode()


def is_hidden(name: str) -> bool:
    """Say whether any part of a name with slashes starts with a dot or is __MACOSX."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
