"""Files that are there whole or not at all, and one builder at a time."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shards.errors import BuildError


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn what a full disk or a failing one raises into a BuildError that says what was being done."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise BuildError(
            f"could not {doing}: {getattr(error, 'strerror', None) or error}; what is finished is kept, "
            f"so make room or repair the storage and run the same command again"
        ) from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file under a temporary name, sync it, and give it its name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, waiting for it; the kernel frees it however its holder ends."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _same_file(path, file.fileno()):
                continue  # its last holder removed it while we waited
            yield
            return


def _same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
