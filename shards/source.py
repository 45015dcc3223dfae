"""What there is to shard: a source is listed as entries, without opening a single file.

Hidden files and folders (their name starts with a dot) and __MACOSX are skipped. Any other file is an entry:
one that turns out to be no image ends in the quarantine as `not_an_image`, so that every file of the source
is accounted for.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shards.config import ShardConfig
from shards.errors import SourceError
from shards.opening import Place


class Entry(NamedTuple):
    """One file of the source: its name in it, its class, and what shows that it has changed."""

    source: str
    label: str | None
    size: int
    stamp: str
    place: Place


def list_entries(config: ShardConfig) -> Iterator[Entry]:
    """List a source folder by folder; raises SourceError when it is missing or a class folder is empty."""
    folder = Path(config.source).absolute()
    if not folder.exists():
        raise SourceError(
            f"the source {config.source!r} does not exist; give the folder that holds the images"
        )
    if not folder.is_dir():
        raise SourceError(f"the source {config.source!r} is no folder; give the folder that holds the images")
    return _list_folder(folder, by_folder=config.labels == "folders")


def _list_folder(folder: Path, *, by_folder: bool) -> Iterator[Entry]:
    seen: set[tuple[int, int]] = set()
    empty = []
    for item in _visible(folder):
        if not item.is_dir():
            yield from _files(item, "", None)
            continue
        label = _text(item.name) if by_folder else None
        found = False
        for entry in _walk(item, "", label, seen):
            found = True
            yield entry
        if not found:
            empty.append(item.name)
    if by_folder and empty:
        raise SourceError(
            f"the class folder{'s' if len(empty) > 1 else ''} {', '.join(map(repr, sorted(empty)))} in "
            f"{str(folder)!r} "
            f"hold no file; fill or remove them, or set labels to none"
        )


def _walk(
    item: "os.DirEntry[str]", prefix: str, label: str | None, seen: set[tuple[int, int]]
) -> Iterator[Entry]:
    if not item.is_dir():
        yield from _files(item, prefix, label)
        return
    # A link to a folder is followed, but each folder is walked once: links may go round in circles.
    state = item.stat()
    if (state.st_dev, state.st_ino) in seen:
        return
    seen.add((state.st_dev, state.st_ino))
    for child in _visible(item.path):
        yield from _walk(child, f"{prefix}{_text(item.name)}/", label, seen)


def _files(item: "os.DirEntry[str]", prefix: str, label: str | None) -> Iterator[Entry]:
    if not item.is_file():  # a pipe, a socket, a link to nowhere
        return
    state = item.stat()
    yield Entry(prefix + _text(item.name), label, state.st_size, str(state.st_mtime_ns), ("file", item.path))


def _visible(folder: str | Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as items:
            return sorted(
                (item for item in items if not item.name.startswith(".") and item.name != "__MACOSX"),
                key=lambda item: os.fsencode(item.name),
            )
    except OSError as error:
        raise SourceError(f"the folder {str(folder)!r} cannot be listed: {error.strerror}") from error


def _text(name: str) -> str:
    # Names that are no UTF-8 keep their bytes readable: neither SQLite nor parquet can hold them as they are.
    return os.fsencode(name).decode("utf-8", "backslashreplace")
