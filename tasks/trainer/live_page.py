"""Writes the live page of a training into its run directory: at its start, at ticks, and at its end.

The page only shows what other files of the run directory hold, so a page that cannot be written never stops a training.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from shards.storage.files import write_atomically
from tasks.reports.live import LiveData, live_script, render_live_page
from tasks.trainer.costs.cost import Cost
from tasks.trainer.costs.goodput import PARTS, Goodput
from tasks.trainer.costs.history import History
from tasks.trainer.run_directory import RunDirectory, Status

logger = logging.getLogger(__name__)
MIN_SECONDS = 1.0  # between two versions of the data while the training runs
SHARE = 100  # at most a hundredth of the time goes into the page
PICTURES = ("real", "augmented")  # of the training data
MAX_COLUMNS = 10  # of a grid, see models.grids.grid_labels


class LivePage:
    """The page of one run. The process that trains keeps one, and so does the process that follows the training."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.next = 0.0
        self.first: tuple[float, int] | None = None  # time and images seen at this process's first tick
        self.has_failed = False

    @property
    def url(self) -> str:
        """The page's address on this machine."""
        return self.run.live_page.as_uri()

    def start(self) -> None:
        """Write the page itself, and its data as far as there are any."""
        with self._never_raising():
            config = self.run.config()
            columns = config.labels if 1 < len(config.labels) <= MAX_COLUMNS else []
            about = f"{config.train.family} on {config.dataset}@{config.dataset_version[:12]}"
            settings = {"train": config.train.model_dump(mode="json"), "data": config.data.model_dump(mode="json")}
            write_atomically(self.run.live_page, render_live_page(self.run.name, about, columns, settings, PARTS))
            self._write(self.run.status() or Status(state="running", nimg=0))

    def tick(self, nimg: int) -> None:
        """Write the data again, unless the previous time was a moment ago."""
        now = time.monotonic()
        if self.first is None:
            self.first = now, nimg
        if now < self.next or self.has_failed:
            return
        with self._never_raising():
            self._write(Status(state="running", nimg=nimg))
        self.next = time.monotonic() + max(MIN_SECONDS, SHARE * (time.monotonic() - now))

    def tell(self, nimg: int, message: str) -> None:
        """Write the data again with what the training does now."""
        if not self.has_failed:
            with self._never_raising():
                self._write(Status(state="running", nimg=nimg, reason=message))

    def finish(self) -> None:
        """Write the data at the end of the training, whatever its end was."""
        with self._never_raising():
            status = self.run.status() or Status(state="failed", nimg=0, reason="no trainer has started")
            if status.state == "running" and not self.run.is_locked():
                status = status.model_copy(update={"state": "resumable", "reason": "the trainer has died"})
            self._write(status)

    def _write(self, status: Status) -> None:
        stats, events = self.run.read_rows()
        history = History(self.run.path).rows()
        goodput, cost = Goodput.of(history), Cost.of_run(history)
        total = self.run.config().train.nimg
        data = LiveData(
            state=status.state,
            reason=status.reason,
            nimg=status.nimg,
            total=total,
            updated=time.time(),
            seconds_left=self._seconds_left(status, total),
            stats=stats,
            events=events,
            scores=self.run.read_scores(),
            grids=[nimg for nimg, _ in self.run.list_samples()],
            parts=dict(goodput.seconds) if goodput else {},
            spent=cost.words() if cost else "",
            pictures=[name for name in PICTURES if (self.run.samples / f"{name}.png").exists()],
        )
        write_atomically(self.run.live_data, live_script(data))

    def _seconds_left(self, status: Status, total: int) -> float | None:
        """The time left at the speed since this process's first tick, which includes scores and checkpoints."""
        if self.first is None or status.state != "running":
            return None
        began, at = self.first
        gained = status.nimg - at
        return (total - status.nimg) * (time.monotonic() - began) / gained if gained > 0 else None

    @contextmanager
    def _never_raising(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not self.has_failed:
                logger.warning(
                    "the live page %s cannot be written (%s); the training continues", self.run.live_page, error
                )
            self.has_failed = True
