"""Follows the run directory of a training and shows new results and health events.

The trainer starts before MLflow is imported, which takes seconds: `Follower` does this meanwhile.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_table_artifact

from tasks.errors import MirrorError
from tasks.flow_runs.artifacts import in_run, show_picture
from tasks.flow_runs.liveness import DeletionCheck
from tasks.flow_runs.logs import LogFollower
from tasks.flow_runs.progress import ProgressReport
from tasks.home import home
from tasks.tracking.outages import not_needed
from tasks.trainer.run_directory import RunDirectory

if TYPE_CHECKING:
    from tasks.tracking.runs import RunTracker
    from tasks.training.mirror import RunMirror

logger = logging.getLogger(__name__)
SHARES = {"goodput_share": "goodput", "mfu_share": "MFU", "gpu_busy_share": "GPU busy"}
KEY = "health"
COLUMNS = {"nimg": "images", "event": "event", "action": "action", "reason": "reason"}


class RunWatch:
    """Passes what a trainer writes on to MLflow, to Prefect and to the bucket."""

    def __init__(
        self, run: RunDirectory, tracker: "RunTracker", progress: ProgressReport, mirror: "RunMirror | None"
    ) -> None:
        self.run = run
        self.tracker = tracker
        self.progress = progress
        self.mirror = mirror
        self.total = run.config().train.nimg
        self.alerts = HealthReport(run.name)
        self.log = LogFollower(run.log)
        self.deletion = DeletionCheck()
        self.failing: set[str] = set()  # servers that did not answer the last time
        self.shown_nimg = max((nimg for nimg, _ in run.list_samples()), default=-1)

    def poll(self) -> None:
        """Pass on new results. A training continues when MLflow, Prefect or the bucket does not answer.

        Raises FlowRunDeleted if somebody deleted the flow run. This stops the training.
        """
        self.deletion.poll()
        self._note("mlflow", answered=self.tracker.replay())
        self.alerts.update(self.tracker.events.values())
        if self.mirror:
            self._note("bucket", answered=keep_copy(self.mirror.push))
        self._show_progress()
        self._show_newest_grid()
        self.log.read()

    def seen(self) -> int:
        """Return the number of images that the training has seen."""
        status = self.run.status()
        return status.nimg if status else 0

    def close(self) -> None:
        """Pass on the last lines of the trainer's log, and copy the remaining files."""
        self.log.read()
        if self.mirror:
            self._note("bucket", answered=keep_copy(self.mirror.finish))

    def _note(self, server: str, answered: bool) -> None:
        """Count the outages of a server in the run directory: the endpoint for Prometheus shows them."""
        if answered:
            self.failing.discard(server)
        elif server not in self.failing:
            self.failing.add(server)
            self.run.append_outage(server)

    def _show_progress(self) -> None:
        status = self.run.status()
        if status and status.state == "running" and status.reason:
            # What the trainer does before its first statistics: it compiles the networks.
            self.progress.update(status.nimg, status.reason)
            return
        if self.tracker.newest is None:
            return
        row = self.tracker.newest
        losses = [
            f"{key.removeprefix('loss_').upper()} {row[key]:.2f}" for key in sorted(row) if key.startswith("loss_")
        ]
        shares = [f"{name} {row[key]:.0%}" for key, name in SHARES.items() if key in row]
        speed = f"{row['images_per_second']:.0f}/s"
        note = ", ".join([f"{row['nimg']:,}/{self.total:,} images", speed, *shares, *losses, *self._newest_score()])
        self.progress.update(row["nimg"], note)

    def _newest_score(self) -> list[str]:
        """Give the figures of the newest quick score in words."""
        from tasks.tracking.runs import score_figures  # MLflow is imported by now, for the tracker

        rows = self.run.read_scores()
        return [f"{name} {value:.3g}" for name, value in score_figures(rows[-1]).items()] if rows else []

    def _show_newest_grid(self) -> None:
        fresh = [(nimg, path) for nimg, path in self.run.list_samples() if nimg > self.shown_nimg]
        if fresh:
            self.shown_nimg, path = fresh[-1]
            show_picture(path, "samples", f"{self.run.name}: generated after {self.shown_nimg:,} images")


class Opening:
    """Imports MLflow and connects to it in a thread, which no signal interrupts, while the main thread goes on."""

    def __init__(self, run: RunDirectory, tags: Mapping[str, str]) -> None:
        self.run = run
        self.tags = tags
        self._tracker: RunTracker | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._open, name="open-mlflow", daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether `wait` returns at once."""
        return not self._thread.is_alive()

    def wait(self) -> "RunTracker":
        """Return the MLflow run of the training. Raises the errors of tasks.tracking.runs.connect."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._tracker is not None
        return self._tracker

    def _open(self) -> None:
        try:
            from tasks.tracking.runs import RunTracker, connect

            self._tracker = RunTracker(connect(home()), home(), self.run, self.tags)
        except Exception as error:
            self._error = error


class Follower:
    """Follows a training with a RunWatch as soon as MLflow is imported. The import begins at the first poll."""

    def __init__(
        self, run: RunDirectory, tags: Mapping[str, str], progress: ProgressReport, mirror: "RunMirror | None"
    ) -> None:
        self.run = run
        self.tags = tags
        self.progress = progress
        self.mirror = mirror
        self._opening: Opening | None = None

    def poll(self) -> None:
        """Pass on new results, unless MLflow is still imported."""
        self._opening = self._opening or Opening(self.run, self.tags)
        if self._opening.is_done:
            self.watch.poll()

    @cached_property
    def watch(self) -> RunWatch:
        """Wait for MLflow, and return what passes on the results."""
        self._opening = self._opening or Opening(self.run, self.tags)
        return RunWatch(self.run, self._opening.wait(), self.progress, self.mirror)

    def abandon(self, status: str, error: BaseException) -> None:
        """Close the MLflow run as FAILED or KILLED. Do nothing if `error` says that MLflow cannot be used."""
        try:
            watch = self.watch
        except Exception as unusable:
            if unusable is not error:
                logger.warning("MLflow cannot be used (%s): it has no record of run %s", unusable, self.run.name)
            return
        watch.tracker.abandon(status)

    def close(self) -> None:
        """Pass on the last lines and files, if results were passed on."""
        if "watch" in vars(self):
            self.watch.close()


def keep_copy(copy: Callable[[], None]) -> bool:
    """Log that a bucket does not answer, and let the training continue. The next checkpoint tries again.

    Return whether the copy was made.
    """
    try:
        copy()
    except MirrorError as error:
        logger.warning("%s; the training continues, and the next checkpoint tries again", error)
        return False
    return True


class HealthReport:
    """Reports each health event once: a warning, and one table of all events in Prefect.

    Outside a flow run it creates no artifact.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.told: list[dict[str, Any]] = []

    def update(self, events: Iterable[dict[str, Any]]) -> None:
        """Report the events (lines of stats.jsonl) that are new."""
        fresh = [event for event in events if event not in self.told]
        for event in fresh:
            where = f"{event['event']} at {event['nimg']:,} images"
            logger.warning("%s: %s, %s: %s", self.title, where, event["action"], event["reason"])
        self.told += fresh
        if fresh and in_run():
            table = [{COLUMNS[key]: event[key] for key in COLUMNS} for event in self.told]
            with not_needed("the table of health events"):
                create_table_artifact(table, KEY, description=f"{self.title}: health events")
