"""A build that begins while its command still imports Prefect and its server starts.

The flow's task finds it by its settings, shows its progress and takes its outcome. Imports no Prefect.
"""

import threading
import time
from typing import ClassVar

from filelock import FileLock, Timeout

from shards import BuildOutcome, BuildProgress, ShardConfig, build
from shards.building.progress import Report
from tasks.datasets.requests import names_model
from tasks.home import home

POLL_SECONDS = 0.25
STOP_SECONDS = 5.0


class _StoppedError(Exception):
    """Raised in the build's thread, because nobody needs its result any more."""


class EarlyBuild:
    """A build in a thread of this process. A process has at most one."""

    _started: ClassVar["EarlyBuild | None"] = None

    def __init__(self, config: ShardConfig, root: str) -> None:
        self.config, self.root = config, root
        self.started = time.monotonic()
        self._progress: BuildProgress | None = None
        self._outcome: BuildOutcome | None = None
        self._error: BaseException | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="early-build", daemon=True)
        self._thread.start()

    @classmethod
    def start(cls, config: ShardConfig) -> None:
        """Begin the build, unless a model has to screen the source first, or another run works on the dataset."""
        if cls._started is None and not names_model(config.screen) and not _is_busy(config.dataset):
            cls._started = cls(config, home().shared)

    @classmethod
    def take(cls, config: ShardConfig) -> "EarlyBuild | None":
        """Return the build of these settings, if one has begun. It is returned once: a retry builds again."""
        found = cls._started
        if found is None or (found.config, found.root) != (config, home().shared):
            return None
        cls._started = None
        return found

    @classmethod
    def stop_unused(cls) -> None:
        """Stop the build that nobody has taken, for instance because the command ended before. It can be resumed."""
        found, cls._started = cls._started, None
        if found:
            found._stop()

    @property
    def is_running(self) -> bool:
        """Whether the build has not ended yet."""
        return self._thread.is_alive()

    def follow(self, report: Report) -> BuildOutcome:
        """Report the progress in this thread until the build ends. Returns its outcome, or raises its error."""
        try:
            while self.is_running:
                self._thread.join(POLL_SECONDS)
                self._report(report)
            self._report(report)
        except BaseException:  # Ctrl-C, or an error of `report`
            self._stop()
            raise
        if self._error is not None:
            raise self._error
        assert self._outcome is not None
        return self._outcome

    def _report(self, report: Report) -> None:
        if self._progress:
            report(self._progress)

    def _run(self) -> None:
        try:
            self._outcome = build(self.config, self.root, report=self._note)
        except BaseException as error:
            self._error = error

    def _note(self, progress: BuildProgress) -> None:
        if self._stopping:
            raise _StoppedError
        self._progress = progress

    def _stop(self) -> None:
        self._stopping = True
        self._thread.join(STOP_SECONDS)


def _is_busy(dataset: str) -> bool:
    """Return whether another run holds the lock of the dataset (tasks.flow_runs.exclusion)."""
    path = home().root / "locks" / f"{dataset}.lock"
    if not path.exists():
        return False
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
