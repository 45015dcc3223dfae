"""Starts the trainer as a child process, stops it, and raises an exception that says how it ended."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable

from tasks.errors import TrainerDied, TrainingDiverged, TrainingFailed, TrainingInterrupted
from tasks.trainer.costs.history import History
from tasks.trainer.run_directory import RunDirectory, Status
from tasks.training.process.early import EarlyTrainer, trainer_environment

POLL_SECONDS = 0.5
GRACE_SECONDS = 25.0  # Prefect kills a cancelled flow 30 s after it asked the flow to stop
MAX_LAST_WORDS = 300
_stops: list[str] = []  # Prefect reports that a flow was stopped, but not the message that belongs to it


def supervise(run: RunDirectory, on_poll: Callable[[], None]) -> int:
    """Run the trainer as a child in its own process group. Whatever stops this process also stops the child.

    SIGTERM, a cancelled flow and Ctrl-C arrive here as exceptions. The trainer is then told to stop and has
    GRACE_SECONDS to write a checkpoint. After that it is killed. Returns the exit code.
    """
    history = History(run.path)
    trainer = EarlyTrainer.take(str(run.path)) or _start(run)
    try:
        while trainer.poll() is None:
            on_poll()
            with contextlib.suppress(subprocess.TimeoutExpired):
                trainer.wait(POLL_SECONDS)
    except BaseException as stop:
        _signal_group(trainer, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            trainer.wait(GRACE_SECONDS)
        if not isinstance(stop, Exception) and (status := run.status()):
            _stops.append(f"stopped at {status.nimg:,} images; run the same command to continue")
        raise
    finally:
        _signal_group(trainer, signal.SIGKILL)
        trainer.wait()
        history.add("exit", code=trainer.returncode)
    on_poll()
    return trainer.returncode


def _start(run: RunDirectory) -> "subprocess.Popen[bytes]":
    environment = os.environ | trainer_environment()
    command = [sys.executable, "-m", "tasks.trainer.worker", str(run.path)]
    with run.log.open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=environment)


def describe_stop() -> str:
    """Say how far the training was that was stopped in this process. Empty if no training was stopped."""
    return _stops[-1] if _stops else ""


def raise_for(run: RunDirectory, exit_code: int, before: int) -> None:
    """Raise the exception for the way in which the trainer ended. A trainer that finished raises none.

    `before` is `run.status_written()` from before the start. The status that an earlier trainer wrote does not count.
    """
    status = run.status() if run.status_written() != before else None
    if status is None:
        reason = f"the trainer ended (exit code {exit_code}{_last_words(run)}) before it did anything"
        status = Status(state="running" if exit_code < 0 else "failed", nimg=0, reason=reason)
    where = f"{run.name} at {status.nimg:,} images"
    if status.state == "done":
        return
    if status.state == "resumable":
        raise TrainingInterrupted(f"{where}: {status.reason}; run the same command to continue from there")
    if status.state == "diverged":
        raise TrainingDiverged(f"{where}: {status.reason}")
    if status.state == "running":
        raise TrainerDied(
            f"{where}: the trainer died (exit code {exit_code}{_last_words(run)}); "
            "a retry continues from its last checkpoint"
        )
    raise TrainingFailed(f"{where}: {status.reason}; see {run.log}")


def _signal_group(trainer: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(trainer.pid, number)


def _last_words(run: RunDirectory) -> str:
    """Return the last line of the trainer's output. It tells why a trainer died that could not write status.json."""
    lines = run.log.read_text(errors="replace").split("\n") if run.log.exists() else []
    return next((f", {line[:MAX_LAST_WORDS]}" for line in reversed(lines) if line.strip()), "")
