"""Arrays in memory that forked processes share: workers decode into them, and no pixel is copied to the trainer.

The memory is anonymous, so it is not limited by /dev/shm, which is small in containers, and ends with its processes.
"""

import mmap
import multiprocessing
import weakref
from math import prod

import numpy as np
from numpy.typing import NDArray


class ArraySlots:
    """`count` arrays of uint8. Make it before the workers are forked.

    A worker leases a slot, fills its array and sends the number of the slot to the first process, which takes the
    array. The slot is free again when nobody there holds this array or a view of it.
    """

    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self._shape, self._size = shape, prod(shape)
        self._memory = mmap.mmap(-1, count * self._size)
        self._leased = np.frombuffer(mmap.mmap(-1, count), np.uint8)
        self._lock = multiprocessing.get_context("fork").Lock()

    def lease(self) -> int | None:
        """Return the number of a free slot, or None if there is none."""
        with self._lock:
            free = np.flatnonzero(self._leased == 0)
            if not len(free):
                return None
            self._leased[free[0]] = 1
            return int(free[0])

    def array(self, slot: int) -> NDArray[np.uint8]:
        """Return the array of a slot, to fill it."""
        flat = np.frombuffer(self._memory, np.uint8, self._size, slot * self._size)
        return flat.reshape(self._shape)

    def take(self, slot: int) -> NDArray[np.uint8]:
        """Return the array of a slot that was filled. The slot is free again when the array is gone."""
        array = self.array(slot)
        # Every view of the array refers to `flat`, the array that was made from the memory.
        flat = array.base
        assert flat is not None
        weakref.finalize(flat, self._free, slot).atexit = False
        return array

    def _free(self, slot: int) -> None:
        self._leased[slot] = 0  # needs no lock: only this process frees, and nobody leases what is not free
