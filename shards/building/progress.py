"""The progress of a build. The threads that do the work count; the thread that asked for the build reports."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from shards.decoding.partition import Row

_TELL_EVERY_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """The state of a build: `stage` is listing, decoding or writing, `bytes` is what was read from the source."""

    stage: str
    done: int
    total: int
    kept: int
    duplicates: int
    quarantined: int
    bytes: int
    seconds: float


Report = Callable[[BuildProgress], None]


class Meter:
    """Counts what happens and reports it at most four times a second."""

    def __init__(self, report: Report | None) -> None:
        self._report = report
        self._started = time.monotonic()
        self._told = float("-inf")
        self._lock = threading.Lock()
        self._stage, self._done, self._total = "listing", 0, 0
        self._kept = self._duplicates = self._quarantined = self._bytes = 0

    def begin(self, stage: str, total: int) -> None:
        """Begin a stage with `total` things to do, and report it."""
        self._stage, self._done, self._total = stage, 0, total
        self.tell(now=True)

    def count(self, row: Row) -> None:
        """Count the result of one file."""
        with self._lock:
            self._done += 1
            self._bytes += row.get("source_bytes", 0)
            if "reason" in row:
                self._quarantined += 1
            else:
                self._kept += 1

    def step(self, done: int) -> None:
        """Set how much of the stage is done."""
        self._done = done
        self.tell()

    def replace_counts(self, kept: int, duplicates: int, quarantined: int) -> None:
        """Replace the counts of the stages by those of the finished version."""
        self._kept, self._duplicates, self._quarantined = kept, duplicates, quarantined
        self.tell(now=True)

    def tell(self, *, now: bool = False) -> None:
        """Report, unless the last report is less than a quarter of a second old."""
        moment = time.monotonic()
        if self._report is None or (not now and moment - self._told < _TELL_EVERY_SECONDS):
            return
        self._told = moment
        with self._lock:
            counts = (self._done, self._total, self._kept, self._duplicates, self._quarantined, self._bytes)
        self._report(BuildProgress(self._stage, *counts, moment - self._started))
