"""Versions in a bucket: they are built on a local disk and then copied, the manifest last."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from shards.errors import BuildError, ShardError
from shards.layout.manifest import MANIFEST
from shards.storage.stores import writable_store_of
from shards.storage.uris import fetch, is_remote, join, local_path, names_in, remove_folder, sizes_in, store


def local_home(root: str) -> Path:
    """Return the folder to build in: the root itself, or a scratch folder on this machine for a bucket.

    Scratch folders lie under $SHARDGAN_SCRATCH, or under ~/.cache/shardgan by default. A scratch folder keeps the state
    with which a build resumes and grows. Without it, all images are read again. Raises SourceError for a store that we
    cannot write to.
    """
    if not is_remote(root):
        return local_path(root)
    writable_store_of(root)
    scratch = Path(os.environ.get("SHARDGAN_SCRATCH") or "~/.cache/shardgan").expanduser()
    return scratch.absolute() / sha256(root.rstrip("/").encode()).hexdigest()[:16]


@contextmanager
def bucket_errors(uri: str) -> Iterator[None]:
    """Turn the errors of bucket clients into a BuildError that names the URI."""
    try:
        yield
    except BuildError:
        raise
    except Exception as error:  # the clients of the stores have no base class in common
        raise BuildError(
            f"{uri!r} cannot be written or read: {type(error).__name__}: {error}. Everything finished is kept. Run the "
            f"same command again when the bucket is available."
        ) from error


def upload(version: Path, uri: str) -> None:
    """Copy the folder of a version to a URI, the manifest last. Shards that exist there are not sent again."""
    with bucket_errors(uri):
        there = sizes_in(uri)
        for path in sorted(version.iterdir(), key=lambda path: (path.name == MANIFEST, path.name)):
            if path.suffix != ".tar" or there.get(path.name) != path.stat().st_size:
                store(path, join(uri, path.name))


def collect_parts(folder: str, parts: Path) -> None:
    """Copy the part files that other machines have written to a bucket."""
    with bucket_errors(folder):
        for name in names_in(folder):
            if name.endswith(".part") and not (parts / name).exists():
                fetch(join(folder, name), parts / name)


def remove_parts(folder: str) -> None:
    """Remove the part files from a bucket."""
    with bucket_errors(folder):
        remove_folder(folder)


class LocalCopy(NamedTuple):
    """A shard on this machine, and its sha256 if it was computed while the shard was copied."""

    path: Path
    sha256: str = ""


@contextmanager
def local_copy(uri: str) -> Iterator[LocalCopy]:
    """Yield a shard. For a remote shard, it is a copy that is removed afterwards."""
    if not is_remote(uri):
        yield LocalCopy(local_path(uri))
        return
    with tempfile.TemporaryDirectory(prefix="shard-") as folder:
        path = Path(folder, uri.rpartition("/")[2])
        try:
            digest = fetch(uri, path)
        except Exception as error:  # as in bucket_errors
            raise ShardError(f"The shard {uri!r} cannot be read: {type(error).__name__}: {error}") from error
        yield LocalCopy(path, digest)
