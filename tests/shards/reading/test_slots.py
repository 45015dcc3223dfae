"""Slots of shared memory: filled by another process, and free again when nobody holds their array."""

import os

import numpy as np

from shards.reading.slots import ArraySlots


def test_another_process_fills_a_slot() -> None:
    slots = ArraySlots(2, (4, 3, 8, 8))
    for value in (7, 9):
        child = os.fork()
        if not child:
            slot = slots.lease()
            assert slot is not None
            slots.array(slot)[...] = value
            os._exit(slot)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (value - 7) // 2
    assert slots.lease() is None
    assert np.all(slots.take(1) == 9)
    assert np.all(slots.take(0) == 7)
    assert slots.lease() is not None


def test_a_slot_is_free_when_its_last_view_is_gone() -> None:
    slots = ArraySlots(1, (4, 3, 8, 8))
    slot = slots.lease()
    assert slot is not None
    assert slots.lease() is None
    array = slots.take(slot)
    view = array[1:].transpose(0, 2, 3, 1)[..., 0]
    del array
    assert slots.lease() is None
    del view
    assert slots.lease() == slot


def test_arrays_outlive_their_slots() -> None:
    slots = ArraySlots(1, (2, 2))
    slot = slots.lease()
    assert slot is not None
    slots.array(slot)[...] = 5
    array = slots.take(slot)
    del slots
    assert np.all(array == 5)
