"""Quick scores during a training: one child process at a time. The results go to the run directory's scores.jsonl."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from models.errors import EvaluationError
from models.metrics.diversity import Diversity
from models.training.checkpoints import Best
from models.training.io import Scored
from tasks.trainer.config import SUPERVISOR_PID
from tasks.trainer.run_directory import RunDirectory

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.2
PATIENCE_SECONDS = 900.0  # longest wait for a result; the scorer has already run since the checkpoint was written


class ChildScorer:
    """Scores a run's checkpoints with the program tasks.trainer.scoring.scorer. Ends it when this object is closed."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.child: subprocess.Popen[str] | None = None

    def start(self, nimg: int) -> None:
        """Start to score the checkpoint at `nimg`, unless its score is known or the scorer already runs."""
        if self.child is None and self._known(nimg) is None:
            environment = os.environ | {SUPERVISOR_PID: str(os.getpid()), "OMP_NUM_THREADS": "1"}
            command = [sys.executable, "-m", "tasks.trainer.scoring.scorer", str(self.run.path), str(nimg)]
            # Its own session: a signal that stops the trainer must not look like a failed scorer.
            self.child = subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
            )

    def collect(self, nimg: int, should_stop: Callable[[], bool]) -> Scored | None:
        """Wait for the score. Return None when `should_stop()` is true. Raises EvaluationError if the child fails."""
        if (known := self._known(nimg)) is not None:
            return as_scored(known)
        child, deadline = self.child, time.monotonic() + PATIENCE_SECONDS
        if child is None:
            raise EvaluationError(f"no scorer was started for the checkpoint at {nimg:,} images")
        while True:
            try:
                output, _ = child.communicate(timeout=POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if should_stop():
                    return None
                if time.monotonic() > deadline:
                    self.close()
                    raise EvaluationError(f"the scorer took over {PATIENCE_SECONDS:.0f} s and was ended") from None
        self.child = None
        if child.returncode:
            raise EvaluationError(f"the scorer ended with exit code {child.returncode}: see {self.run.log}")
        row = json.loads(output.splitlines()[-1])
        self.run.append_score(row)
        return as_scored(row)

    def close(self) -> None:
        """End the child process, if there is one."""
        if self.child is not None:
            self.child.kill()
            self.child.communicate()
            self.child = None

    def _known(self, nimg: int) -> dict[str, Any] | None:
        return next((row for row in self.run.read_scores() if row["nimg"] == nimg), None)


def as_scored(row: dict[str, Any]) -> Scored:
    """Convert a line of scores.jsonl to the form that the guard takes. Lines of older releases have no diversity."""
    score = Best(nimg=row["nimg"], name=row["name"], value=row["value"], protocol=row["digest"])
    return Scored(score, Diversity.of(row["diversity"]) if row.get("diversity") else None)
