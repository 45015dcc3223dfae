"""Arrays in memory that forked processes share: workers decode into them, and no pixel is copied to the trainer.

The memory is anonymous, so it is not limited by /dev/shm, which is small in containers, and ends with its processes.
"""

import mmap
import weakref
from collections import deque
from math import prod

import numpy as np
from numpy.typing import NDArray


class ArraySlots:
    """`count` arrays of uint8. Make it before the workers are forked.

    The first process leases a slot and sends its number to a worker, which fills the array. The first process then
    takes the array. The slot is free again when nobody there holds this array or a view of it.
    """

    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self._shape, self._size = shape, prod(shape)
        self._memory = mmap.mmap(-1, count * self._size)
        self._free = deque(range(count))

    def lease(self) -> int | None:
        """Return the number of a free slot, or None if there is none."""
        return self._free.popleft() if self._free else None

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
        weakref.finalize(flat, self._free.append, slot).atexit = False
        return array
