"""What a trainer tells of its own time, speed and energy: lines of history.jsonl, and columns of stats.jsonl."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from models.compute.metering.clock import Clock
from models.compute.metering.meter import Meter, Usage
from tasks.trainer.costs.config import CostConfig
from tasks.trainer.costs.cost import JOULES_PER_KWH, Cost
from tasks.trainer.costs.goodput import Account
from tasks.trainer.costs.history import History, Row

__all__ = ["Journal", "Processor"]


@dataclass(frozen=True)
class Processor:
    """What a trainer computes on: the name of the card and the number of GPUs, 0 on a CPU.

    `peak` is the FLOP/s of all GPUs together at the arithmetic that is used, `flops` the model FLOPs of one image. 0:
    not known.
    """

    card: str = ""
    gpus: int = 0
    peak: float = 0.0
    flops: float = 0.0


class Journal:
    """Writes what one trainer does. The times come from `clock`, which the training loop keeps."""

    def __init__(self, run_dir: Path, clock: Clock, meter: Meter, config: CostConfig) -> None:
        self.history = History(run_dir)
        self.clock = clock
        self.meter = meter
        self.config = config
        self.account = Account()
        self.processor = Processor()
        self.joules: float | None = None
        self.before = Cost()  # of earlier trainers of this run
        self.began = 0.0

    def start(self, processor: Processor) -> None:
        """Record that this process has started, and what it computes on."""
        before = [row for row in self.history.rows() if row["event"] != "flops"]  # counted by this process
        self.account = Account(before)
        self.joules = _sum(*(row.get(name) for row in before for name in ("gpu_joules", "cpu_joules")))
        self.before = Cost.of_run(before) or Cost()
        self.processor = processor
        price = self.config.model_dump(include={"price_per_hour", "currency"}) if self.config.price_per_hour else {}
        # A trainer that has replaced itself is the same process: it starts where the one before has ended.
        began = max(psutil.Process().create_time(), self.account.last or 0.0)
        self.began = min(began, time.time())
        self._add("start", {"gpus": processor.gpus, "card": processor.card, **price}, at=self.began)

    def train(self, nimg: int) -> None:
        """Record that the first step begins, after `nimg` images. What came before is its start."""
        self.clock.take()
        self._add("train", {"nimg": nimg})

    def tick(self, row: Mapping[str, float]) -> dict[str, float]:
        """Record a tick. Returns further columns for its row of statistics: what was measured, MFU, energy, goodput."""
        usage = self.meter.take()
        self._add_work("tick", int(row["nimg"]), usage)
        columns = usage.row()
        if usage.gpu_busy is not None:
            columns["host_share"] = max(1 - usage.gpu_busy - row["data_share"], 0.0)
        if self.processor.peak and self.processor.flops:
            columns["mfu_share"] = row["images_per_second"] * self.processor.flops / self.processor.peak
        if self.joules is not None:
            columns["energy_kwh"] = self.joules / JOULES_PER_KWH
        return columns | self._spent() | {"goodput_share": self.account.goodput().share}

    def end(self, nimg: int) -> None:
        """Record that this trainer has ended by itself, with everything up to `nimg` images on disk."""
        self._add_work("end", nimg, self.meter.take())
        self.meter.close()

    def _spent(self) -> dict[str, float]:
        """GPU hours and price of all trainers of this run so far, where there are any."""
        seconds = time.time() - self.began
        cost = self.before + Cost.of_work(seconds, self.processor.gpus, None, self.config)
        gpu_hours = {"gpu_hours": cost.gpu_hours} if cost.gpu_hours else {}
        return gpu_hours | ({"price": cost.price} if cost.price is not None else {})

    def _add_work(self, event: str, nimg: int, usage: Usage) -> None:
        self.joules = _sum(self.joules, usage.joules)
        seconds = {name: round(value, 4) for name, value in self.clock.take().items()}
        energy = {"gpu_joules": usage.gpu_joules, "cpu_joules": usage.cpu_joules}
        known = {name: round(value, 1) for name, value in energy.items() if value is not None}
        self._add(event, {"nimg": nimg, "seconds": seconds, **known})

    def _add(self, event: str, facts: Row, at: float | None = None) -> None:
        at = time.time() if at is None else at
        self.history.add(event, at, **facts)
        self.account.add({"event": event, "at": at, **facts})


def _sum(*values: Any) -> float | None:
    known = [float(value) for value in values if value is not None]
    return sum(known) if known else None
