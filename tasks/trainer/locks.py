"""Lock files that the kernel frees when their holder dies. Does not import torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.errors import RunLocked


@contextmanager
def hold(path: Path, refusal: str, wait_seconds: float) -> Iterator[None]:
    """Hold the lock file `path`. Wait `wait_seconds` for it, then raise RunLocked with the message `refusal`."""
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        held = lock.acquire(timeout=wait_seconds)
    except Timeout as error:
        raise RunLocked(f"{refusal}: wait for it to end, or stop it first") from error
    with held:
        yield


def is_held(path: Path) -> bool:
    """Return whether a living process holds the lock file `path`."""
    if not path.exists():
        return False
    try:
        with hold(path, "", wait_seconds=0):
            return False
    except RunLocked:
        return True
