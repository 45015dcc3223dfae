"""Local paths and remote URIs behind one face; fsspec is imported for remote ones only."""

import os
from pathlib import Path
from typing import Any, BinaryIO, cast

from shards.errors import SourceError

# fsspec knows dozens of protocols, some of which run programs or unpack; these are stores of files and no more.
STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
WEB = ("https", "http")


def is_remote(uri: str) -> bool:
    """Say whether a URI names something that is not a local file."""
    return "://" in uri and not uri.startswith("file://")


def local_path(uri: str) -> Path:
    """Return the path of a local URI, made absolute."""
    return Path(uri.removeprefix("file://")).expanduser().absolute()


def protocol_of(uri: str) -> str:
    """Return the protocol of a remote URI; with the whole chain where it is one, so that it equals none we know."""
    return uri.partition("://")[0]


def open_binary(uri: str) -> BinaryIO:
    """Open a file for reading; raises OSError, for remote ones as well where fsspec can tell."""
    if not is_remote(uri):
        return local_path(uri).open("rb")
    filesystem, path = filesystem_of(uri)
    return cast("BinaryIO", filesystem.open(path, "rb"))


def filesystem_of(uri: str) -> tuple[Any, str]:
    """Return the fsspec file system of a remote URI and the path in it; raises SourceError for other protocols.

    Listings are not cached: a long-lived process must see what has come since.
    """
    import fsspec

    protocol = protocol_of(uri)
    if protocol not in STORES + WEB:
        raise SourceError(f"{uri!r} has the protocol {protocol!r}; read are {', '.join(STORES + WEB)} and local files")
    options = {"use_listings_cache": False} if protocol in ("s3", "s3a") else {}
    found: tuple[Any, str] = fsspec.core.url_to_fs(uri, **options)
    return found


def join(folder: str, name: str) -> str:
    """Return the URI of a name in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else str(Path(folder, name))


def exists(uri: str) -> bool:
    """Say whether there is a file or folder of this name."""
    if not is_remote(uri):
        return local_path(uri).exists()
    filesystem, path = filesystem_of(uri)
    return bool(filesystem.exists(path))


def names_in(folder: str) -> list[str]:
    """Return the sorted names in a folder, none when there is no such folder."""
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
    """Copy a remote file to a local path, which gets its name when it is whole."""
    filesystem, remote = filesystem_of(uri)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    filesystem.get_file(remote, str(temporary))
    temporary.replace(path)


def store(path: Path, uri: str) -> None:
    """Copy a local file to a remote URI; object stores show it whole or not at all."""
    filesystem, remote = filesystem_of(uri)
    filesystem.put_file(str(path), remote)
