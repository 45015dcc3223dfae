"""What the workers of one loader share: each shard is copied, hashed and indexed by one of them, for all of them."""

import multiprocessing
import os
import time
from mmap import mmap

import numpy as np
import psutil

_ABSENT, _COMING, _READY = 0, 1, 2
_COLUMNS = 5  # state, process, descriptor, inode and device of the note
_PAUSE = 0.002  # seconds between two looks at a shard that another worker prepares


class ShardExchange:
    """A table in shared memory that says who has prepared which shard. Make it before the workers are forked.

    Who prepares a shard publishes a note: a file without a name, which it keeps open. The others open it through /proc,
    so a note ends with the last process that holds it, also after a kill. Where this is not possible, every worker
    prepares its shards itself. That is also so after pickling, because then nothing is shared.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._table = np.frombuffer(mmap(-1, max(count, 1) * _COLUMNS * 8), np.int64).reshape(-1, _COLUMNS)
        self._lock = multiprocessing.get_context("fork").Lock()

    def __reduce__(self) -> tuple[type["ShardExchange"], tuple[int]]:
        return ShardExchange, (self._count,)

    def acquire(self, number: int) -> int | None:
        """Return a descriptor of the note of a shard, after waiting for a worker that prepares it.

        Returns None if nobody has prepared it. Then the caller must prepare it, and call `publish` or `withdraw`.
        """
        while True:
            with self._lock:
                state, *note = self._table[number].tolist()
                if state == _READY and (found := _open_note(*note)) is not None:
                    return found
                if state != _COMING or not _is_alive(note[0]):
                    self._table[number] = _COMING, os.getpid(), -1, 0, 0
                    return None
            time.sleep(_PAUSE)

    def is_coming(self, number: int) -> bool:
        """Return whether a worker prepares this shard now."""
        return int(self._table[number, 0]) == _COMING

    def publish(self, number: int, descriptor: int) -> None:
        """Tell the others that this process has prepared a shard. The descriptor must stay open until `withdraw`."""
        state = os.fstat(descriptor)
        with self._lock:
            self._table[number] = _READY, os.getpid(), descriptor, state.st_ino, state.st_dev

    def withdraw(self, number: int) -> None:
        """Take back what this process has published or begun. Does nothing for a shard of another process."""
        with self._lock:
            if self._table[number, 1] == os.getpid():
                self._table[number] = _ABSENT


def _open_note(process: int, descriptor: int, inode: int, device: int) -> int | None:
    """Open a descriptor of another process. Return None if that is not possible, or if it is another file by now."""
    try:
        found = os.open(f"/proc/{process}/fd/{descriptor}", os.O_RDONLY)
    except OSError:
        return None
    state = os.fstat(found)
    if (state.st_ino, state.st_dev) == (inode, device):
        return found
    os.close(found)
    return None


def _is_alive(process: int) -> bool:
    try:
        return process == os.getpid() or psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
