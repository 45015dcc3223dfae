"""Folders and globs, local or remote, listed one folder at a time.

Hidden files and folders (their name starts with a dot) and __MACOSX are skipped. Links to folders are followed, but
each folder is walked only once, because links may form a circle.
"""

import errno
import glob
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from shards.errors import SourceError
from shards.sources.entries import Entry, Notes, Place, as_text, is_hidden, name_some
from shards.storage.stores import STORES, protocol_of, stamp_of
from shards.storage.uris import filesystem_of, is_remote

_MAGIC = frozenset("*?[")
_MOST_DEPTH = 16  # of the folders of a web server, which may link to each other in a circle


def is_glob(source: str) -> bool:
    """Say whether a source is a pattern. A local path that exists is not one, even if it contains `*`, `?` or `[`."""
    if is_remote(source):
        return bool(_MAGIC & set(source)) and protocol_of(source) in STORES
    return bool(_MAGIC & set(source)) and not Path(source).exists()


def list_folder(folder: Path, notes: Notes) -> Iterator[Entry]:
    """List a local folder; folders without files give a note. Raises SourceError when a folder cannot be read."""
    seen: set[tuple[int, int]] = set()
    empty = []
    for path, state in _visible(folder):
        name = as_text(os.path.basename(path))  # noqa: PTH119  making a Path takes longer
        if not stat.S_ISDIR(state.st_mode):
            yield from _file(path, name, state)
            continue
        found = False
        for entry in _walk(path, state, f"{name}/", seen):
            found = True
            yield entry
        if not found:
            empty.append(name)
    if empty:
        folders, are = ("folder", "is") if len(empty) == 1 else ("folders", "are")
        notes.always.append(f"The {folders} {name_some(empty)} {are} empty and {are} ignored.")


def list_remote_folder(uri: str) -> Iterator[Entry]:
    """List a folder of a bucket."""
    filesystem, root = filesystem_of(uri)
    protocol = uri.partition("://")[0]
    for _, _, files in filesystem.walk(root, detail=True):
        for info in files.values():
            name = str(info["name"])[len(root.rstrip("/")) + 1 :]
            if name and not is_hidden(name):
                place = ("url", f"{protocol}://{info['name']}")
                yield Entry(name, None, int(info["size"]), stamp_of(info), place)


def list_web_folder(uri: str) -> Iterator[Entry]:
    """List a folder that a web server shows as a page of links, and the folders below it.

    Only links that lie below the URI are followed. Sizes and times are unknown.
    """
    filesystem, root = filesystem_of(uri)
    for folder, _, files in filesystem.walk(root, maxdepth=_MOST_DEPTH, detail=True):
        for name in sorted(files):
            url = str(files[name]["name"])
            below = unquote(url[len(root.rstrip("/")) + 1 :])
            # Pages of links also contain links that sort them, such as `?C=M;O=A`.
            if url.startswith(folder.rstrip("/") + "/") and not {"?", "#"} & set(url) and not is_hidden(below):
                yield Entry(below, None, 0, "listed", web_place(url, uri))


def web_place(url: str, source: str) -> Place:
    """Return the place of a URL that a source names. URLs of the source's own server are marked with its address."""
    origin = "/".join(source.split("/")[:3]) + "/"
    return ("web", url, origin) if url.startswith(origin) else ("web", url)


def list_glob(pattern: str) -> Iterator[Entry]:
    """List what a pattern matches; `**` matches any depth. Names begin at the first folder with a wildcard."""
    base = pattern[: min(pattern.index(sign) for sign in _MAGIC if sign in pattern)].rpartition("/")[0]
    if is_remote(pattern):
        yield from _remote_glob(pattern)
        return
    root = Path(base or ("/" if pattern.startswith("/") else ".")).absolute()
    for match in glob.iglob(pattern, recursive=True):  # noqa: PTH207  Path.glob does not take an absolute pattern
        path = Path(match).absolute()
        name = as_text(str(path.relative_to(root)))
        if path.is_file() and not is_hidden(name):
            yield file_entry(path, name, None)


def file_entry(path: Path, source: str, label: str | None) -> Entry:
    """Return the entry of a local file; raises OSError when there is none."""
    state = path.stat()
    return Entry(source, label, state.st_size, str(state.st_mtime_ns), ("file", str(path)))


def _remote_glob(pattern: str) -> Iterator[Entry]:
    filesystem, path = filesystem_of(pattern)
    base = path[: min(path.index(sign) for sign in _MAGIC if sign in path)].rpartition("/")[0]
    protocol = pattern.partition("://")[0]
    for found, info in filesystem.glob(path, detail=True).items():
        name, size = found[len(base) + 1 :], int(info["size"])
        if info["type"] == "file" and not is_hidden(name):
            yield Entry(name, None, size, stamp_of(info), ("url", f"{protocol}://{found}", size))


def _walk(folder: str, state: os.stat_result, prefix: str, seen: set[tuple[int, int]]) -> Iterator[Entry]:
    if (state.st_dev, state.st_ino) in seen:
        return
    seen.add((state.st_dev, state.st_ino))
    for path, found in _visible(folder):
        name = prefix + as_text(os.path.basename(path))  # noqa: PTH119  making a Path takes longer
        if stat.S_ISDIR(found.st_mode):
            yield from _walk(path, found, f"{name}/", seen)
        else:
            yield from _file(path, name, found)


def _file(path: str, source: str, state: os.stat_result) -> Iterator[Entry]:
    if stat.S_ISREG(state.st_mode):  # not a pipe, a socket or a device
        yield Entry(source, None, state.st_size, str(state.st_mtime_ns), ("file", path))


def _visible(folder: str | Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the paths in a folder in the order of their names, each with the state of what it leads to.

    Only the names are kept in memory, because a folder may have millions of files.
    """
    try:
        names = sorted(os.listdir(os.fsencode(folder)))  # noqa: PTH208  a Path for each would be ten times as large
    except OSError as error:
        raise SourceError(f"the folder {str(folder)!r} cannot be listed: {error.strerror}") from error
    for name in map(os.fsdecode, names):
        if is_hidden(name):
            continue
        path = os.path.join(folder, name)  # noqa: PTH118  making a Path takes longer
        try:
            state = os.stat(path)  # noqa: PTH116
        except OSError as error:
            # A link without a target, one that leads back to itself, or a file that was just deleted.
            if error.errno in (errno.ELOOP, errno.ENOENT):
                continue
            raise SourceError(f"{path!r} cannot be read: {error.strerror}. Repair it or leave it out.") from error
        yield path, state
