"""Tells whether the process of a flow run is alive. Each process that a worker starts holds a lock while it lives.

    <home>/flow-runs/<flow run id>.lock    flock; the file names the process that holds it

When a worker is stopped, its flow runs end too, but nobody tells Prefect. They stay "Running" and keep their slot in
the pool. With the lock, every process on the same machine or shared file system can notice this at any time.
"""

import contextlib
import os
import socket
import time
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

from tasks.errors import FlowRunDeleted, RunLocked, TooManyAttempts
from tasks.home import Home, home
from tasks.tracking.outages import not_needed
from tasks.trainer.locks import hold, is_held

FLOW_RUN_ID = "PREFECT__FLOW_RUN_ID"  # Prefect's worker sets it for the process that it starts
MAX_ATTEMPTS = 10
HELD = "AwaitingQuota"  # name of the state of a flow run that is scheduled for the next day
LOOK_SECONDS = 10.0
_held = contextlib.ExitStack()  # holds the lock until the process ends


def hold_flow_run() -> None:
    """Take the lock of the flow run of this process, if a worker started this process for a flow run."""
    if not (name := os.environ.get(FLOW_RUN_ID)):
        return
    path = lock_file(home(), name)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A child of the process that holds the lock does not take it. A process that only checks the lock holds it for a
    # moment: wait for that.
    with contextlib.suppress(RunLocked):
        _held.enter_context(hold(path, name, wait_seconds=1))
        path.write_text(f"{socket.gethostname()} {os.getpid()}\n")


def lock_file(home: Home, flow_run_id: str) -> Path:
    """Return the file that the flow run's process keeps locked."""
    return home.root / "flow-runs" / f"{flow_run_id}.lock"


def is_alive(home: Home, flow_run_id: str) -> bool | None:
    """Return whether the flow run's process is alive, or None if it was not started on this machine."""
    path = lock_file(home, flow_run_id)
    return is_held(path) if path.exists() else None


def known_flow_runs(home: Home) -> list[str]:
    """Return the ids of all flow runs that were started on this machine and whose lock files still exist."""
    return [path.stem for path in (home.root / "flow-runs").glob("*.lock")]


def forget(home: Home, flow_run_id: str) -> None:
    """Remove the lock file of a flow run that has ended."""
    with contextlib.suppress(FileNotFoundError):
        lock_file(home, flow_run_id).unlink()


class DeletionCheck:
    """Notices that somebody deleted the flow run of this process. Nobody can stop such a run in Prefect."""

    def __init__(self) -> None:
        self.flow_run_id = flow_run.id
        self.next_look = time.monotonic() + LOOK_SECONDS

    def poll(self) -> None:
        """Ask the server at intervals. Raises FlowRunDeleted if the flow run no longer exists."""
        if not self.flow_run_id or time.monotonic() < self.next_look:
            return
        self.next_look = time.monotonic() + LOOK_SECONDS
        with not_needed("the check whether this flow run still exists"), get_client(sync_client=True) as client:
            try:
                client.read_flow_run(UUID(self.flow_run_id))
            except ObjectNotFound as error:
                raise FlowRunDeleted(
                    "this flow run was deleted in Prefect, so the training stops with a checkpoint: start it again "
                    "with the same settings to continue from there"
                ) from error


def check_attempts() -> None:
    """Raise TooManyAttempts in a flow run that was resumed too often. The same cause would kill it again.

    Starts after which the flow run was held for the quota of the next day do not count.
    """
    attempts = flow_run.run_count or 0
    if attempts > MAX_ATTEMPTS and (attempts := attempts - _times_held(str(flow_run.id))) > MAX_ATTEMPTS:
        raise TooManyAttempts(
            f"this flow run has been started {attempts} times, {MAX_ATTEMPTS} are allowed: find the cause in "
            "its logs, then start a new run, which continues from the last checkpoint"
        )


def _times_held(flow_run_id: str) -> int:
    with get_client(sync_client=True) as client:
        return sum(state.name == HELD for state in client.read_flow_run_states(UUID(flow_run_id)))
