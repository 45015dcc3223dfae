"""Atomic file writes, and a lock that allows one builder at a time."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from shards.errors import BuildError


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn the errors of a full or failing disk into a BuildError; `doing` says what was attempted."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise BuildError(
            f"Could not {doing}: {getattr(error, 'strerror', None) or error}. Everything finished is kept. "
            f"Free some space or repair the storage, and run the same command again."
        ) from error


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that readers see the old or the new content, but never a part of it."""
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that the names of its files survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, waiting for it. The kernel releases it when its holder ends, even by a kill.

    The holder may remove the file and its folder: whoever waits then makes them again.
    """
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    while not lock.is_locked:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # the folder was removed while we waited
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
