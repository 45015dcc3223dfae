"""Progress of one long piece of work: a bar in the terminal and a progress artifact in Prefect."""

import logging
import sys
import time
from types import TracebackType
from typing import Any, Self

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tasks.outages import not_needed

logger = logging.getLogger(__name__)
ARTIFACT_SECONDS = 2.0
LINE_SECONDS = 15.0


class ProgressReport:
    """Shows `done` of `total`; off a terminal it prints a line every so often, outside a run it makes no artifact.

    `key` names the artifact: lower-case letters, digits and dashes.
    """

    def __init__(self, key: str, title: str, total: float) -> None:
        self.key = key
        self.title = title
        self.total = max(total, 1)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=_console(),
        )
        self.item = self.bar.add_task(title, total=self.total, note="")
        self.artifact: Any = None
        self.next_artifact = self.next_line = 0.0

    def __enter__(self) -> Self:
        if FlowRunContext.get() or TaskRunContext.get():
            with not_needed("the progress artifact"):
                self.artifact = create_progress_artifact(progress=0.0, key=self.key, description=self.title)
        if self.bar.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.artifact is not None and kind is None:
            with not_needed("the end of progress"):
                update_progress_artifact(artifact_id=self.artifact, progress=100.0)
        self.bar.stop()

    def update(self, done: float, note: str = "", total: float | None = None) -> None:
        """Move to `done`; cheap enough for every image."""
        self.total = max(total or self.total, 1)
        self.bar.update(self.item, completed=done, total=self.total, note=note)
        now = time.monotonic()
        if self.artifact is not None and now >= self.next_artifact:
            self.next_artifact = now + ARTIFACT_SECONDS
            with not_needed("progress"):
                update_progress_artifact(
                    artifact_id=self.artifact,
                    progress=min(100.0, 100.0 * done / self.total),
                    description=f"{self.title}: {note}" if note else self.title,
                )
        if not self.bar.console.is_terminal and now >= self.next_line:
            self.next_line = now + LINE_SECONDS
            print(f"{self.title}: {100 * done / self.total:.0f}%  {note}", file=sys.stderr, flush=True)


def _console() -> Console:
    """The console that Prefect's log lines go to, so that they do not tear the bar apart; else one on stderr."""
    for handler in logging.getLogger("prefect").handlers:
        if isinstance(handler, PrefectConsoleHandler):
            return handler.console
    return Console(stderr=True)
