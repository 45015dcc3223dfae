"""Entries: what a source is made of. An entry says where one file is; the file has not been opened yet."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from shards.layout.manifest import Synthetic

# A JSON list. Its first item names the kind of place; `shards.sources.opening` knows the kinds.
Place = Sequence[str | int]
IMAGE_SUFFIXES = frozenset({"jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "avif"})
_NAMES_SHOWN = 5


class Entry(NamedTuple):
    """One file of the source: its name in it, its class, and what shows that it has changed.

    `depth` is the number of folders in `source` before the folder that gives the class. It is None where the class
    does not come from a folder.
    """

    source: str
    label: str | None
    size: int
    stamp: str
    place: Place
    depth: int | None = None


@dataclass
class Notes:
    """Sentences about a source that the person who asked for the build should read.

    `synthetic` says how the source was generated, if it is a dataset version that a model made.
    """

    always: list[str] = field(default_factory=list)
    if_unlabelled: list[str] = field(default_factory=list)
    synthetic: "Synthetic | None" = None


def top_folder(name: str) -> str | None:
    """Return the first folder of a name with slashes, None for a bare file name."""
    return folder_at(name, 0)


def folder_at(name: str, depth: int) -> str | None:
    """Return the folder of a name with slashes that has `depth` folders before it; None where there is none."""
    folders = name.split("/")[:-1]
    return folders[depth] if depth < len(folders) else None


def looks_like_image(name: str) -> bool:
    """Say whether a name ends like that of an image that we decode."""
    return name.rpartition(".")[2].lower() in IMAGE_SUFFIXES


def name_some(names: Iterable[str]) -> str:
    """Return the first few names in quotes, and the number of the others."""
    remaining = iter(names)
    shown = ", ".join(repr(name) for name in islice(remaining, _NAMES_SHOWN))
    more = sum(1 for _ in remaining)
    return f"{shown} and {more} more" if more else shown


def as_text(name: str) -> str:
    """Make a file name valid UTF-8, which SQLite and parquet require; other bytes become readable escapes."""
    try:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # JSON can hold half a surrogate pair, which no file name contains
        return name.encode("utf-8", "backslashreplace").decode()


def is_hidden(name: str) -> bool:
    """Say whether any part of a name with slashes starts with a dot or is __MACOSX."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
