"""Progress of one long operation: a bar in the terminal and a progress artifact in Prefect, with the time left."""

import logging
import time
from types import TracebackType
from typing import Any, Self

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tasks.flow_runs.artifacts import in_run
from tasks.flow_runs.terminal import console, is_quiet, say
from tasks.tracking.outages import not_needed
from tasks.trainer.costs.words import in_words

__all__ = ["Pace", "ProgressReport", "in_words"]

logger = logging.getLogger(__name__)
ARTIFACT_SECONDS = 2.0  # plus a hundredth of the total time: the server stores every update as an event
MAX_ARTIFACT_SECONDS = 60.0
LINE_SECONDS = 30.0  # between lines where there is no terminal for a bar


class ProgressReport:
    """Shows `done` of `total`, and one line at the end. Without a terminal it prints lines at intervals, and no bar.

    `key` is the artifact's name: lower-case letters, digits and dashes. Outside a run there is no artifact.
    """

    def __init__(self, key: str, title: str, total: float) -> None:
        self.key = key
        self.title = title
        self.total = max(total, 1)
        self.done, self.where = title, ""
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console(),
            # A bar would print what libraries write to stderr, which a quiet command keeps from the terminal.
            redirect_stdout=not is_quiet(),
            redirect_stderr=not is_quiet(),
        )
        self.item = self.bar.add_task(escape(title), total=self.total, note="")
        self.artifact: Any = None
        self.next_artifact = 0.0
        self.pace = Pace()
        self.next_line = self.pace.started + LINE_SECONDS

    def __enter__(self) -> Self:
        if in_run():
            with not_needed("the progress artifact"):
                self.artifact = create_progress_artifact(progress=0.0, key=self.key, description=self.title)
        if self.bar.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar.console.is_terminal:
            self.bar.live.transient = kind is None  # a bar that stays says where the work has stopped
            self.bar.stop()
        if kind is not None:
            return
        spent = in_words(time.monotonic() - self.pace.started)
        if self.artifact is not None:
            self._show(100.0, f"{self.title}: done in {spent}")
        say(f"{self.done} in {spent}{f': {self.where}' if self.where else ''}")

    def conclude(self, done: str, where: str = "") -> None:
        """Set what the line at the end says: what was done (the time follows), and where the result is."""
        self.done, self.where = done, where

    def update(self, done: float, note: str = "", total: float | None = None) -> None:
        """Show that `done` of the total are done. This is cheap enough to call it for every image."""
        self.total = max(total or self.total, 1)
        done = min(done, self.total)  # the last batch may exceed the total
        self.bar.update(self.item, completed=done, total=self.total, note=note)
        now = time.monotonic()
        left = self.pace.time_left(done, self.total)
        # The note of a run that is followed already contains the time left.
        if left is None or note.endswith(" left"):
            said = note
        else:
            said = f"{note}, {in_words(left)} left" if note else f"{in_words(left)} left"
        if self.artifact is not None and now >= self.next_artifact:
            spent = now - self.pace.started
            self.next_artifact = now + min(max(ARTIFACT_SECONDS, spent / 100), MAX_ARTIFACT_SECONDS)
            self._show(100.0 * done / self.total, f"{self.title}: {said}" if said else self.title)
        if not self.bar.console.is_terminal and now >= self.next_line:
            self.next_line = now + LINE_SECONDS
            say(f"{self.title}: {100 * done / self.total:.0f}%  {said}")

    def _show(self, percent: float, description: str) -> None:
        with not_needed("progress"):
            update_progress_artifact(artifact_id=self.artifact, progress=percent, description=description)


class Pace:
    """Speed since the first update. Work that a resumed training had done before does not count."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.first: tuple[float, float] | None = None  # amount done, and the time

    def time_left(self, done: float, total: float) -> float | None:
        """Return the seconds until `total`, or None while they cannot be estimated."""
        now = time.monotonic()
        if self.first is None or done < self.first[0]:
            self.first = done, now
        gained, seconds = done - self.first[0], now - self.first[1]
        return (total - done) * seconds / gained if gained > 0 and done < total else None
