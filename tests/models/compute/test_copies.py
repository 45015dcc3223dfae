"""Batches arrive in order, whether they are read ahead or not."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from models.compute.copies import DeviceBatches

CPU = torch.device("cpu")


def numbered(count: int, taken: list[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for number in range(count):
        taken.append(number)
        yield np.full((2, 1, 4, 4), number, np.uint8), np.full(2, number)


@pytest.mark.parametrize("ahead", [False, True])
def test_every_batch_arrives_once_and_in_order(ahead: bool) -> None:
    taken: list[int] = []
    batches = DeviceBatches(numbered(5, taken), CPU, ahead)
    for number in range(4):
        images, labels = next(batches)
        assert images.dtype == torch.uint8
        assert images.unique().tolist() == labels.unique().tolist() == [number]
        assert taken == list(range(number + 1))
        batches.read_ahead()
        batches.read_ahead()  # what is read already is not lost
        assert taken == list(range(number + 1 + ahead))
    assert batches.take_waited() > 0
    assert batches.take_waited() == 0


def test_tensors_on_the_device_stay_where_they_are() -> None:
    images, labels = torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(2)
    found = next(DeviceBatches(iter([(images, labels)]), CPU))
    assert found[0] is images
    assert found[1] is labels


def test_an_error_of_the_source_is_raised() -> None:
    batches = DeviceBatches(iter([(np.zeros((1, 1, 4, 4), np.uint8), np.zeros(1))]), CPU, ahead=True)
    next(batches)
    with pytest.raises(StopIteration):
        batches.read_ahead()


@pytest.mark.gpu
def test_on_a_gpu_batches_are_copied_while_it_computes() -> None:
    device = torch.device("cuda", 0)
    batches = DeviceBatches(numbered(5, []), device)
    for number in range(4):
        images, labels = next(batches)
        assert images.device == labels.device == device
        batches.read_ahead()
        assert images.unique().tolist() == [number]
