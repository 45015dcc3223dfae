"""Sizes of folders, and locks that other processes hold."""

import fcntl
import os
from pathlib import Path


def folder_bytes(path: Path) -> int:
    """Return the size of all files below `path`. Links are not followed, and files that vanish do not count."""
    total = 0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += folder_bytes(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return total
    return total


def is_locked(path: Path) -> bool:
    """Return whether a living process holds the lock file `path` exclusively."""
    try:
        with path.open() as file:
            # A shared lock, and only for a moment: two processes that look do not disturb each other.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
