"""Measures what a program takes while it runs: the GPUs' busy share, memory and energy, and the processors' energy."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from models.compute.metering.cpu import CpuEnergy
from models.compute.metering.gpu import GpuReading, Read

SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Usage:
    """What was used in an interval, over all GPUs of this machine that take part. None: not measured.

    `gpu_busy` is the mean over GPUs and time, `gpu_memory_bytes` the largest sum over the GPUs.
    """

    seconds: float
    gpu_busy: float | None = None
    gpu_memory_bytes: float | None = None
    gpu_joules: float | None = None
    cpu_joules: float | None = None

    @property
    def joules(self) -> float | None:
        """The measured energy of GPUs and processors together."""
        known = [value for value in (self.gpu_joules, self.cpu_joules) if value is not None]
        return sum(known) if known else None

    def row(self) -> dict[str, float]:
        """The measured values as columns of stats.jsonl."""
        watts = {"gpu_watts": self.gpu_joules, "cpu_watts": self.cpu_joules}
        known = {name: joules / self.seconds for name, joules in watts.items() if joules is not None and self.seconds}
        values = {"gpu_busy_share": self.gpu_busy, "gpu_memory_bytes": self.gpu_memory_bytes}
        return {name: value for name, value in values.items() if value is not None} | known


def summarise(samples: Sequence[Sequence[GpuReading]], cpu_joules: float | None = None, seconds: float = 0.0) -> Usage:
    """Return what was used between the first and the last of `samples`, each of which has one reading per GPU.

    Energy is the difference of the cards' own counters. For a card without a counter it is power times time.
    """
    busy = [one.busy for sample in samples for one in sample if one.busy is not None]
    memory = [
        sum(one.memory_bytes or 0 for one in sample)
        for sample in samples
        if any(one.memory_bytes is not None for one in sample)
    ]
    by_gpu = list(zip(*samples, strict=True))
    energy = [joules for readings in by_gpu if (joules := gpu_joules(readings)) is not None]
    return Usage(
        seconds=seconds or (samples[-1][0].at - samples[0][0].at if by_gpu else 0.0),
        gpu_busy=sum(busy) / len(busy) if busy else None,
        gpu_memory_bytes=max(memory, default=None),
        gpu_joules=sum(energy) if energy and len(energy) == len(by_gpu) else None,
        cpu_joules=cpu_joules,
    )


def gpu_joules(readings: Sequence[GpuReading]) -> float | None:
    """Return the energy of one GPU between its first and its last reading. None if it gives no energy and no power."""
    first, last = readings[0].joules, readings[-1].joules
    if first is not None and last is not None and last >= first:
        return last - first
    known = [one for one in readings if one.watts is not None]
    if len(known) < 2:
        return None
    steps = pairwise(known)
    return sum((a.watts + b.watts) / 2 * (b.at - a.at) for a, b in steps if a.watts is not None and b.watts is not None)


class Meter:
    """Reads GPUs and processors in a thread of its own while the program runs. Without either it does nothing."""

    def __init__(self, read_gpus: Read | None, cpu: CpuEnergy) -> None:
        self._read_gpus = read_gpus
        self._cpu = cpu
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._since = time.monotonic()
        self._cpu_before = cpu.joules()
        self._samples: list[Sequence[GpuReading]] = [read_gpus()] if read_gpus else []
        if read_gpus or cpu.is_readable:
            threading.Thread(target=self._watch, daemon=True, name="meter").start()

    def take(self) -> Usage:
        """Return what was used since the last call."""
        with self._lock:
            self._sample()
            now, joules = time.monotonic(), self._cpu.joules()
            spent = joules - self._cpu_before if joules is not None and self._cpu_before is not None else None
            usage = summarise(self._samples, spent, now - self._since)
            self._since, self._cpu_before, self._samples = now, joules, self._samples[-1:]
        return usage

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            with self._lock:
                self._sample()
                self._cpu.joules()  # often enough to notice a counter that starts again

    def _sample(self) -> None:
        if self._read_gpus:
            self._samples.append(self._read_gpus())
