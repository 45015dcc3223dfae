"""Measures what a block of work on this machine takes."""

import time
from types import TracebackType
from typing import Self

import torch

from models.compute.device import gpu_uuids
from models.compute.metering.cpu import CpuEnergy
from models.compute.metering.gpu import open_gpus
from models.compute.metering.meter import Meter
from tasks.trainer.costs.config import CostConfig
from tasks.trainer.costs.cost import Cost

__all__ = ["Expense"]


class Expense:
    """`with Expense(device) as expense:` measures the block. Afterwards `expense.cost` is what it took."""

    def __init__(self, device: torch.device) -> None:
        self.cost = Cost()
        self._config = CostConfig.read()
        self._uuids = gpu_uuids(device)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._meter = Meter(open_gpus(self._uuids), CpuEnergy())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds, usage = time.monotonic() - self._began, self._meter.take()
        self._meter.close()
        self.cost = Cost.of_work(seconds, len(self._uuids), usage.joules, self._config)
