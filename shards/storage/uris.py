"""The same functions for local paths and remote URIs. fsspec is imported for remote URIs only."""

import logging
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

from shards.storage.downloads import copy_from_s3
from shards.storage.stores import stamp_of, store_of

logger = logging.getLogger(__name__)


def is_remote(uri: str) -> bool:
    """Return whether a URI names something that is not a local file."""
    return "://" in uri and not uri.startswith("file://")


def local_path(uri: str) -> Path:
    """Return the absolute path of a local URI."""
    return Path(uri.removeprefix("file://")).expanduser().absolute()


def open_binary(uri: str) -> BinaryIO:
    """Open a file for reading. Raises OSError; remote clients may raise other errors."""
    if not is_remote(uri):
        return local_path(uri).open("rb")
    filesystem, path = filesystem_of(uri)
    return cast("BinaryIO", filesystem.open(path, "rb"))


def filesystem_of(uri: str, **options: Any) -> tuple[Any, str]:
    """Return the fsspec file system of a remote URI and the path in it. `options` go to the client.

    Raises SourceError for an unknown protocol, or where the client is missing. Listings are not cached, because a
    long-lived process must see new files.
    """
    store = store_of(uri)
    for name, value in store.environment.items():
        os.environ.setdefault(name, value)
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(uri, **store.options, **options)
    return filesystem, str(path)


def join(folder: str, name: str) -> str:
    """Return the URI of a name in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else str(Path(folder, name))


def exists(uri: str) -> bool:
    """Return whether a file or folder of this name exists."""
    if not is_remote(uri):
        return local_path(uri).exists()
    filesystem, path = filesystem_of(uri)
    return bool(filesystem.exists(path))


def names_in(folder: str) -> list[str]:
    """Return the sorted names in a folder. The list is empty when the folder does not exist."""
    if not is_remote(folder):
        path = local_path(folder)
        return sorted(item.name for item in path.iterdir()) if path.is_dir() else []
    filesystem, path_ = filesystem_of(folder)
    try:
        found = filesystem.ls(path_, detail=False)
    except FileNotFoundError:
        return []
    return sorted(str(name).rstrip("/").rpartition("/")[2] for name in found)


def fetch(uri: str, path: Path) -> str:
    """Copy a remote file to a local path. The file gets its name when the copy is complete.

    Returns the sha256 of the file if it was computed during the copy, else an empty text.
    """
    filesystem, remote = filesystem_of(uri)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        digest = copy_from_s3(filesystem, remote, temporary)
    except Exception as error:  # botocore's errors have no base class in common
        logger.debug("%s is copied again by %s: %s", uri, type(filesystem).__name__, error)
        digest = ""
    if not digest:
        filesystem.get_file(remote, str(temporary))  # it tries again by itself, and its errors are known here
    temporary.replace(path)
    return digest


def store(path: Path, uri: str) -> None:
    """Copy a local file to a remote URI. Object stores show the file when it is complete."""
    filesystem, remote = filesystem_of(uri)
    filesystem.put_file(str(path), remote)


def sizes_in(folder: str) -> dict[str, int]:
    """Return the size of each file in a remote folder by its name. It is empty when the folder does not exist."""
    filesystem, path = filesystem_of(folder)
    try:
        found = filesystem.ls(path, detail=True)
    except FileNotFoundError:
        return {}
    return {str(info["name"]).rpartition("/")[2]: int(info["size"] or 0) for info in found}


def remove_folder(folder: str) -> None:
    """Remove a remote folder with everything in it, if it exists."""
    filesystem, path = filesystem_of(folder)
    if filesystem.exists(path):
        filesystem.rm(path, recursive=True)


def stamp(uri: str) -> str:
    """Return what changes when a file changes: its ETag in a store, its time and size on a disk."""
    if is_remote(uri):
        filesystem, path = filesystem_of(uri)
        info = filesystem.info(path)
        return stamp_of(info) or str(info.get("size"))
    state = local_path(uri).stat()
    return f"{state.st_mtime_ns}-{state.st_size}"
