"""Versions in a bucket: built on a local disk, then copied so that the manifest arrives last."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from shards.errors import BuildError, ShardError
from shards.layout.manifest import MANIFEST
from shards.storage.uris import fetch, filesystem_of, is_remote, join, local_path, names_in, store


def local_home(root: str) -> Path:
    """Return the folder to build in: the root itself, or for a bucket a scratch folder of its own on this machine.

    Scratch folders lie under $SHARDGAN_SCRATCH, else under ~/.cache/shardgan. Each keeps what lets a build resume and
    grow; without it everything is read again.
    """
    if not is_remote(root):
        return local_path(root)
    scratch = Path(os.environ.get("SHARDGAN_SCRATCH") or "~/.cache/shardgan").expanduser()
    return scratch.absolute() / sha256(root.rstrip("/").encode()).hexdigest()[:16]


@contextmanager
def bucket_errors(uri: str) -> Iterator[None]:
    """Turn whatever a client of a bucket raises into a BuildError that names the URI."""
    try:
        yield
    except BuildError:
        raise
    except Exception as error:  # s3fs, botocore and aiohttp have no base class in common
        raise BuildError(
            f"{uri!r} cannot be written or read: {type(error).__name__}: {error}; what is finished is kept, so run the "
            f"same command again when the bucket is back"
        ) from error


def upload(version: Path, uri: str) -> None:
    """Copy a version's folder to a URI, the manifest last; shards that are there already are not sent again."""
    with bucket_errors(uri):
        there = _sizes(uri)
        for path in sorted(version.iterdir(), key=lambda path: (path.name == MANIFEST, path.name)):
            if path.suffix != ".tar" or there.get(path.name) != path.stat().st_size:
                store(path, join(uri, path.name))


def collect_parts(folder: str, parts: Path) -> None:
    """Copy the part files that other machines left in a bucket."""
    with bucket_errors(folder):
        for name in names_in(folder):
            if name.endswith(".part") and not (parts / name).exists():
                fetch(join(folder, name), parts / name)


def remove_parts(folder: str) -> None:
    """Remove the part files from a bucket."""
    with bucket_errors(folder):
        filesystem, path = filesystem_of(folder)
        if filesystem.exists(path):
            filesystem.rm(path, recursive=True)


@contextmanager
def local_copy(uri: str) -> Iterator[Path]:
    """Give the path of a shard, for a remote one that of a copy that is removed afterwards."""
    if not is_remote(uri):
        yield local_path(uri)
        return
    with tempfile.TemporaryDirectory(prefix="shard-") as folder:
        path = Path(folder, uri.rpartition("/")[2])
        try:
            fetch(uri, path)
        except Exception as error:  # as in bucket_errors
            raise ShardError(f"the shard {uri!r} cannot be read: {type(error).__name__}: {error}") from error
        yield path


def _sizes(uri: str) -> dict[str, int]:
    filesystem, path = filesystem_of(uri)
    try:
        return {str(info["name"]).rpartition("/")[2]: int(info["size"]) for info in filesystem.ls(path, detail=True)}
    except FileNotFoundError:
        return {}
