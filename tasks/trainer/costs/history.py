"""history.jsonl of a run directory: when the run was asked for, and what each of its trainers did and when.

    {"event": "asked", "at": ..., "since": ...}        the first request, with the time since when it had waited
    {"event": "held", "at": ...}                       the quota of the day was used up; the next line is a new request
    {"event": "start", "at": ..., "gpus": ..., "card": ..., "price_per_hour": ..., "currency": ...}   a trainer starts
    {"event": "train", "at": ..., "nimg": ...}         its first step begins, after `nimg` images
    {"event": "tick", "at": ..., "nimg": ..., "seconds": {...}, "gpu_joules": ..., "cpu_joules": ...}
    {"event": "end", ...}                              as a tick: a trainer that ends by itself
    {"event": "exit", "at": ..., "code": ...}          its process has ended; its supervisor writes this
    {"event": "flops", "per_image": ...}               model FLOPs, counted once

Times are in seconds since 1970. Lines are only added, also when a trainer resumes from an earlier image. So the file
says what all trainers of the run together have taken, even if some of them were killed.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["History", "Row"]

FILE = "history.jsonl"
Row = dict[str, Any]


class History:
    """The history of one run directory."""

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir / FILE

    def add(self, event: str, at: float | None = None, **facts: Any) -> None:
        """Add one line, with the present time unless `at` is given."""
        row = {"event": event, "at": round(time.time() if at is None else at, 3)} | facts
        line = (json.dumps(row, allow_nan=False) + "\n").encode()
        with self.path.open("a+b") as file:
            if file.tell() and not self._ends_whole():
                line = b"\n" + line  # a process was killed while it wrote its line
            file.write(line)

    def rows(self) -> list[Row]:
        """Return all whole lines, oldest first. Empty for runs of releases that did not write the file."""
        if not self.path.exists():
            return []
        rows = [row for line in self.path.read_bytes().splitlines() if (row := _parse(line)) is not None]
        return sorted(rows, key=lambda row: float(row["at"]))

    def add_request(self, since: float | None = None) -> None:
        """Record that the run was asked for: the first time, and after it was held for a quota.

        `since` is when its flow run was created.
        """
        rows, now = self.rows(), time.time()
        if not rows or rows[-1]["event"] == "held":
            self.add("asked", now, since=round(min(since or now, now), 3))

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) == b"\n"


def latest(rows: Sequence[Row], event: str) -> Row | None:
    """Return the newest line of this kind, or None."""
    return next((row for row in reversed(rows) if row["event"] == event), None)


def _parse(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("at"), (int, float)) and "event" in row else None
