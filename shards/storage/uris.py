"""The same functions for local paths and remote URIs. fsspec is imported for remote URIs only."""

import os
from pathlib import Path
from typing import Any, BinaryIO, cast

from shards.errors import SourceError

# fsspec has dozens of protocols, and some of them run programs or unpack archives. These only store files.
STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
WEB = ("https", "http")


def is_remote(uri: str) -> bool:
    """Return whether a URI names something that is not a local file."""
    return "://" in uri and not uri.startswith("file://")


def local_path(uri: str) -> Path:
    """Return the absolute path of a local URI."""
    return Path(uri.removeprefix("file://")).expanduser().absolute()


def protocol_of(uri: str) -> str:
    """Return the protocol of a remote URI. For a chained URI it is the whole chain, which is no known protocol."""
    return uri.partition("://")[0]


def open_binary(uri: str) -> BinaryIO:
    """Open a file for reading. Raises OSError; remote clients may raise other errors."""
    if not is_remote(uri):
        return local_path(uri).open("rb")
    filesystem, path = filesystem_of(uri)
    return cast("BinaryIO", filesystem.open(path, "rb"))


def filesystem_of(uri: str) -> tuple[Any, str]:
    """Return the fsspec file system of a remote URI and the path in it; raises SourceError for other protocols.

    Listings are not cached, because a long-lived process must see new files.
    """
    import fsspec

    protocol = protocol_of(uri)
    if protocol not in STORES + WEB:
        raise SourceError(
            f"{uri!r} has the protocol {protocol!r}. Use a local file or one of {', '.join(STORES + WEB)}."
        )
    options = {"use_listings_cache": False} if protocol in ("s3", "s3a") else {}
    found: tuple[Any, str] = fsspec.core.url_to_fs(uri, **options)
    return found


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


def fetch(uri: str, path: Path) -> None:
    """Copy a remote file to a local path. The file gets its name when the copy is complete."""
    filesystem, remote = filesystem_of(uri)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    filesystem.get_file(remote, str(temporary))
    temporary.replace(path)


def store(path: Path, uri: str) -> None:
    """Copy a local file to a remote URI. Object stores show the file when it is complete."""
    filesystem, remote = filesystem_of(uri)
    filesystem.put_file(str(path), remote)
