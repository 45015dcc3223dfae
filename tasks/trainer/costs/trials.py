"""What the stages of a command will cost, and what trials of them need: deadlines, and a watch on memory."""

import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from models import Settings

WATCH_SECONDS = 0.05
ALL = "in all"
MOST_SLOWNESS = 5.0


class StageCost(Settings):
    """The estimated cost of one stage. A value is None if it cannot be estimated; `basis` then says why.

    `basis` says in a sentence what the values follow from. Memory is that of the processes that do the stage's work.
    """

    stage: str
    seconds: float | None = None
    disk_bytes: int | None = None
    memory_bytes: int | None = None
    basis: str = ""


def total_cost(stages: list[StageCost]) -> StageCost:
    """Return the sum of times and disk space, and the largest memory. None where one of the stages has no value."""
    seconds = [one.seconds for one in stages]
    disk = [one.disk_bytes for one in stages]
    memory = [one.memory_bytes for one in stages]
    return StageCost(
        stage=ALL,
        seconds=None if None in seconds else sum(filter(None, seconds)),
        disk_bytes=None if None in disk else sum(filter(None, disk)),
        memory_bytes=None if None in memory else max(filter(None, memory), default=0),
    )


class MemoryWatch:
    """Watches the memory of this process and its children. Shared memory is counted once (proportional set size)."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._done.wait(WATCH_SECONDS):
            self._look()

    def _look(self) -> None:
        try:
            tree = [os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))]
        except psutil.Error:  # one of them ended meanwhile
            return
        self.peak_bytes = max(self.peak_bytes, sum(map(proportional_bytes, tree)))


def proportional_bytes(pid: int) -> int:
    """Return the memory of a process; what it shares with others counts in parts. 0 if the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


class Deadline:
    """A moment by which a trial is to end."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left, at least 0."""
        return max(self._end - time.monotonic(), 0.0)


class Budget:
    """The time that trials may take. `slowness` stretches it, because a machine with other work needs longer."""

    def __init__(self, slowness: float = 1.0) -> None:
        self._slowness = slowness

    def within(self, seconds: float) -> Deadline:
        """Return a deadline in so many seconds of an idle machine."""
        return Deadline(seconds * self._slowness)


def measure_slowness() -> float:
    """Return how much longer this process has taken than it has computed, from 1 to MOST_SLOWNESS."""
    process = psutil.Process()
    computed = sum(process.cpu_times()[:2])
    return min(max((time.time() - process.create_time()) / max(computed, 0.01), 1.0), MOST_SLOWNESS)
