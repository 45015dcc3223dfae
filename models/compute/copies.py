"""Batches on their way from host memory to the device."""

import time
from collections.abc import Iterator

import numpy as np
import torch

Array = np.ndarray | torch.Tensor


class DeviceBatches:
    """Batches of arrays as tensors on `device`.

    With `ahead`, which is the default on a GPU, the next batch is read and copied while the device computes:
    `read_ahead` copies it from pinned memory on a stream of its own, as the bytes that it consists of.
    `seconds_waited` is the time for which the device had nothing to do because there was no data.
    """

    def __init__(self, batches: Iterator[tuple[Array, Array]], device: torch.device, ahead: bool | None = None) -> None:
        self.seconds_waited = 0.0
        self._batches = batches
        self._device = device
        self._module = torch.get_device_module(device)
        is_ahead = device.type == "cuda" if ahead is None else ahead
        self._stream = self._module.Stream() if is_ahead else None
        self._next: tuple[torch.Tensor, torch.Tensor] | None = None

    def __iter__(self) -> "DeviceBatches":
        return self

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor]:
        if self._next is None:
            began = time.perf_counter()
            arrays = next(self._batches)
            self.seconds_waited += time.perf_counter() - began
            return self._copy(arrays)
        batch, self._next = self._next, None
        present = self._module.current_stream()
        present.wait_stream(self._stream)
        for tensor in batch:
            if tensor.is_cuda:
                tensor.record_stream(present)  # its memory is not used again before the present stream is done with it
        return batch

    def read_ahead(self) -> None:
        """Read the next batch, and begin to copy it. Call this when a step was launched. Without `ahead`, do nothing.

        Raises what the batches raise.
        """
        if self._stream is None or self._next is not None:
            return
        step = self._module.Event()
        step.record()
        began = time.perf_counter()
        arrays = next(self._batches)
        # Whether the step is done can be asked without waiting, when it was done cannot: the longest time is counted.
        if step.query():
            self.seconds_waited += time.perf_counter() - began
        with self._module.stream(self._stream):
            self._next = self._copy(arrays)

    def take_waited(self) -> float:
        """`seconds_waited` since the last call."""
        waited, self.seconds_waited = self.seconds_waited, 0.0
        return waited

    def _copy(self, arrays: tuple[Array, Array]) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = (self._on_device(array) for array in arrays)
        return images, labels

    def _on_device(self, array: Array) -> torch.Tensor:
        tensor = array if isinstance(array, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(array))
        if self._device.type == "cuda" and tensor.device.type == "cpu" and not tensor.is_pinned():
            tensor = tensor.pin_memory()  # a copy from other memory would make this process wait
        return tensor.to(self._device, non_blocking=True)
