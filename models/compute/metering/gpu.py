"""Readings of NVIDIA GPUs through NVML, the driver's own library (package nvidia-ml-py).

Without the driver there are no readings, and no error. A value that a card does not give is None: a MIG slice, for
example, has no utilisation and no energy of its own.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pynvml

logger = logging.getLogger(__name__)
MILLI = 1e-3  # NVML gives milliwatts and millijoules
Read = Callable[[], Sequence["GpuReading"]]


@dataclass(frozen=True)
class GpuReading:
    """What the driver says of one GPU at one moment.

    `at` is in seconds. `busy` is the share of the driver's last sampling period (1/6 to 1 s) in which a kernel ran.
    `memory_bytes` is the used memory of the whole card. `joules` counts from the moment when the driver was loaded.
    """

    at: float
    busy: float | None = None
    memory_bytes: float | None = None
    watts: float | None = None
    joules: float | None = None


def open_gpus(uuids: Sequence[str]) -> Read | None:
    """Return a function that reads these GPUs. None if there is no GPU, or if the driver does not know one of them.

    `uuids` are those of the driver, such as GPU-... or MIG-...: numbers mean other cards under CUDA_VISIBLE_DEVICES.
    """
    if not uuids:
        return None
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByUUID(uuid) for uuid in uuids]
    except pynvml.NVMLError as error:
        logger.info("the driver gives no readings of %s: %s", ", ".join(uuids), error)
        return None
    return lambda: [read_gpu(handle) for handle in handles]


def read_gpu(handle: Any) -> GpuReading:
    """Read one GPU."""
    return GpuReading(
        at=time.monotonic(),
        busy=_ask(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100),
        memory_bytes=_ask(lambda: float(pynvml.nvmlDeviceGetMemoryInfo(handle).used)),
        watts=_ask(lambda: pynvml.nvmlDeviceGetPowerUsage(handle) * MILLI),
        joules=_ask(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) * MILLI),
    )


def _ask(question: Callable[[], float]) -> float | None:
    try:
        return question()
    except pynvml.NVMLError:  # this card does not give the value
        return None
