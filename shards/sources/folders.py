"""Folders and globs, local or remote, listed one folder at a time.

Hidden files and folders (their name starts with a dot) and __MACOSX are skipped. A link to a folder is
followed, but each folder is walked once: links may go round in circles.
"""

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shards.errors import SourceError
from shards.sources.entries import Entry, as_text, is_hidden, top_folder
from shards.storage.uris import STORES, filesystem_of, is_remote, protocol_of

_MAGIC = frozenset("*?[")


def is_glob(source: str) -> bool:
    """Say whether a source is a pattern; a name with such characters that exists is no pattern."""
    if is_remote(source):
        return bool(_MAGIC & set(source)) and protocol_of(source) in STORES
    return bool(_MAGIC & set(source)) and not Path(source).exists()


def list_folder(folder: Path, *, by_folder: bool) -> Iterator[Entry]:
    """List a local folder; raises SourceError when one cannot be read or a class folder holds no file."""
    seen: set[tuple[int, int]] = set()
    empty = []
    for item in _visible(folder):
        if not item.is_dir():
            yield from _file(item, as_text(item.name), None)
            continue
        label = as_text(item.name)
        found = False
        for entry in _walk(item, f"{label}/", label if by_folder else None, seen):
            found = True
            yield entry
        if not found:
            empty.append(label)
    if by_folder and empty:
        raise SourceError(
            f"the class folder{'s' if len(empty) > 1 else ''} {', '.join(map(repr, empty))} in "
            f"{str(folder)!r} "
            f"hold no file; fill or remove them, or set labels to none"
        )


def list_remote_folder(uri: str, *, by_folder: bool) -> Iterator[Entry]:
    """List a folder of a bucket."""
    filesystem, root = filesystem_of(uri)
    protocol = uri.partition("://")[0]
    for _, _, files in filesystem.walk(root, detail=True):
        for info in files.values():
            name = str(info["name"])[len(root.rstrip("/")) + 1 :]
            if name and not is_hidden(name):
                label = top_folder(name) if by_folder else None
                yield Entry(
                    name,
                    label,
                    int(info["size"]),
                    _remote_stamp(info),
                    ("url", f"{protocol}://{info['name']}"),
                )


def list_glob(pattern: str, *, by_folder: bool) -> Iterator[Entry]:
    """List what a pattern matches, `**` any depth; names and classes begin where the pattern does."""
    base = pattern[: min(pattern.index(sign) for sign in _MAGIC if sign in pattern)].rpartition("/")[0]
    if is_remote(pattern):
        yield from _remote_glob(pattern, by_folder=by_folder)
        return
    root = Path(base or ("/" if pattern.startswith("/") else ".")).absolute()
    for match in glob.iglob(pattern, recursive=True):  # noqa: PTH207  a Path cannot begin anywhere
        path = Path(match).absolute()
        name = as_text(str(path.relative_to(root)))
        if path.is_file() and not is_hidden(name):
            yield file_entry(path, name, top_folder(name) if by_folder else None)


def file_entry(path: Path, source: str, label: str | None) -> Entry:
    """Return the entry of a local file; raises OSError when there is none."""
    state = path.stat()
    return Entry(source, label, state.st_size, str(state.st_mtime_ns), ("file", str(path)))


def _remote_glob(pattern: str, *, by_folder: bool) -> Iterator[Entry]:
    filesystem, path = filesystem_of(pattern)
    base = path[: min(path.index(sign) for sign in _MAGIC if sign in path)].rpartition("/")[0]
    protocol = pattern.partition("://")[0]
    for found, info in filesystem.glob(path, detail=True).items():
        name = found[len(base) + 1 :]
        if info["type"] == "file" and not is_hidden(name):
            label = top_folder(name) if by_folder else None
            yield Entry(
                name, label, int(info["size"]), _remote_stamp(info), ("url", f"{protocol}://{found}", int(info["size"]))
            )


def _remote_stamp(info: dict[str, Any]) -> str:
    return str(info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("LastModified") or "")


def _walk(item: "os.DirEntry[str]", prefix: str, label: str | None, seen: set[tuple[int, int]]) -> Iterator[Entry]:
    state = item.stat()
    if (state.st_dev, state.st_ino) in seen:
        return
    seen.add((state.st_dev, state.st_ino))
    for child in _visible(item.path):
        name = prefix + as_text(child.name)
        if child.is_dir():
            yield from _walk(child, f"{name}/", label, seen)
        else:
            yield from _file(child, name, label)


def _file(item: "os.DirEntry[str]", source: str, label: str | None) -> Iterator[Entry]:
    if item.is_file():  # and no pipe, socket or link to nowhere
        state = item.stat()
        yield Entry(source, label, state.st_size, str(state.st_mtime_ns), ("file", item.path))


def _visible(folder: str | Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as items:
            shown = (item for item in items if not is_hidden(item.name))
            return sorted(shown, key=lambda item: os.fsencode(item.name))
    except OSError as error:
        raise SourceError(f"the folder {str(folder)!r} cannot be listed: {error.strerror}") from error
