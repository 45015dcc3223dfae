"""Whether the process of a flow run is alive: each process that a worker starts holds a lock for as long as it lives.

    <home>/flow-runs/<flow run id>.lock    flock; inside, who holds it

When a worker is stopped, its flow runs end too, but Prefect is not told: they stay "Running" and keep their slot in the
pool. With the lock, every process on the same machine (or shared file system) can tell, at every stage of the run.
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
from tasks.trainer.run_directory import hold, is_held

FLOW_RUN_ID = "PREFECT__FLOW_RUN_ID"  # given by Prefect's worker to the process it starts
MAX_ATTEMPTS = 10
LOOK_SECONDS = 10.0
_held = contextlib.ExitStack()  # for as long as the process lives


def hold_flow_run() -> None:
    """Take the lock of the flow run that this process was started for, if it was started for one."""
    if not (name := os.environ.get(FLOW_RUN_ID)):
        return
    path = lock_file(home(), name)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not in a child of the process that holds it. Who only asks holds it for an instant, and is waited out.
    with contextlib.suppress(RunLocked):
        _held.enter_context(hold(path, name, wait_seconds=1))
        path.write_text(f"{socket.gethostname()} {os.getpid()}\n")


def lock_file(home: Home, flow_run_id: str) -> Path:
    """The file that the flow run's process keeps locked."""
    return home.root / "flow-runs" / f"{flow_run_id}.lock"


def is_alive(home: Home, flow_run_id: str) -> bool | None:
    """Whether the flow run's process lives; None where it was not started on this machine."""
    path = lock_file(home, flow_run_id)
    return is_held(path) if path.exists() else None


def known_flow_runs(home: Home) -> list[str]:
    """The ids of all flow runs that were started on this machine, and are not forgotten yet."""
    return [path.stem for path in (home.root / "flow-runs").glob("*.lock")]


def forget(home: Home, flow_run_id: str) -> None:
    """Remove the lock file of a flow run that has ended."""
    with contextlib.suppress(FileNotFoundError):
        lock_file(home, flow_run_id).unlink()


class DeletionCheck:
    """Notices that somebody deleted the flow run of this process: nobody could stop it in Prefect any more."""

    def __init__(self) -> None:
        self.flow_run_id = flow_run.id
        self.next_look = time.monotonic() + LOOK_SECONDS

    def poll(self) -> None:
        """Ask the server now and then. Raises FlowRunDeleted where the flow run is gone."""
        if not self.flow_run_id or time.monotonic() < self.next_look:
            return
        self.next_look = time.monotonic() + LOOK_SECONDS
        with not_needed("the question whether this flow run is still there"), get_client(sync_client=True) as client:
            try:
                client.read_flow_run(UUID(self.flow_run_id))
            except ObjectNotFound as error:
                raise FlowRunDeleted(
                    "this flow run was deleted in Prefect, so the training stops with a checkpoint: start it again "
                    "with the same settings to go on from there"
                ) from error


def check_attempts() -> None:
    """Raise TooManyAttempts in a flow run that was resumed again and again: what kills it would kill it once more."""
    if (flow_run.run_count or 0) > MAX_ATTEMPTS:
        raise TooManyAttempts(
            f"this flow run has been started {flow_run.run_count} times, {MAX_ATTEMPTS} are allowed: see its logs for "
            "what ended it, then start a new run, which goes on from the last checkpoint"
        )
