"""Closes flow runs whose process has ended, and MLflow runs whose flow run has ended.

A flow run is dead when the lock of its process is free (tasks.flow_runs.liveness). It is then marked as crashed. This
frees its slot in the work pool and lets an automation resume it. Processes on other machines are not visible here: a
reconcile on their machine closes them, or the automation that notices missing heartbeats.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient
from prefect import State, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

from tasks.flow_runs.liveness import forget, is_alive, known_flow_runs
from tasks.home import Home, home
from tasks.tracking.lineage import FLOW_RUN_TAG
from tasks.tracking.runs import connect
from tasks.tracking.tags import RunTags
from tasks.trainer.locks import hold
from tasks.trainer.run_directory import RunDirectory

logger = logging.getLogger(__name__)
OPEN = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
PENDING_LIMIT = timedelta(minutes=15)  # from the time when a worker accepts a run until the run reports its start
MLFLOW_STATUS = {StateType.COMPLETED: "FINISHED", StateType.CANCELLED: "KILLED"}
PAGE = 200


@contextmanager
def sole_reconcile() -> Iterator[None]:
    """Hold the lock of the only reconcile on this home. Raises RunLocked if another one is running.

    Two at once would close the same runs twice and disturb each other in the database.
    """
    path = home().root / "locks" / "reconcile.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with hold(path, f"another reconcile is running on {home().root}", wait_seconds=0):
        yield


@task(task_run_name="close-flow-runs")
def close_flow_runs() -> list[str]:
    """Mark every flow run whose process on this machine has ended as crashed or cancelled. Return their names."""
    closed = []
    with get_client(sync_client=True) as client:
        for run in read_flow_runs(client, FlowRunFilter(state=_in(OPEN))):
            if (state := end_of_dead(client, home(), run)) is not None:
                client.set_flow_run_state(run.id, state)
                logger.warning("flow run %s: %s", run.name, state.message)
                closed += [run.name, *_close_children(client, [run.id])]
        for name in known_flow_runs(home()):
            if not _is_open(client, UUID(name)):
                forget(home(), name)
    return closed


def end_of_dead(client: SyncPrefectClient, home: Home, run: FlowRun) -> State | None:
    """Return the final state of a flow run without a process, or None if it is alive or unknown on this machine."""
    if run.deployment_id is None or run.state is None:
        return None  # a subflow, or started by hand: the automation on heartbeats finds it
    if run.state.is_pending():
        since = datetime.now(UTC) - run.state.timestamp
        return Crashed(message="a worker accepted it, but it never started") if since > PENDING_LIMIT else None
    if is_alive(home, str(run.id)) is not False:
        return None
    now = client.read_flow_run(run.id).state  # it may have reported its end meanwhile
    if now is None or now.type != run.state.type:
        return None
    if now.is_cancelling():
        return Cancelled(message="its process has ended")
    return Crashed(message="its process has ended without a report")


def _close_children(client: SyncPrefectClient, parents: list[UUID]) -> list[str]:
    """Also mark the subflows of dead flow runs as crashed. Runs of a deployment have their own process."""
    inside = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=parents), state=_in(OPEN))
    children = [run for run in read_flow_runs(client, inside) if run.deployment_id is None]
    for run in children:
        client.set_flow_run_state(run.id, Crashed(message="its parent flow run has ended"))
    deeper = _close_children(client, [run.id for run in children]) if children else []
    return [*(run.name for run in children), *deeper]


@task(task_run_name="close-mlflow-runs")
def close_mlflow_runs() -> list[str]:
    """Close every open MLflow run whose flow run has ended. Return their names."""
    tracking = connect(home())
    closed = []
    with get_client(sync_client=True) as client:
        for run in open_runs(tracking):
            if (status := status_of_ended(client, run)) is not None:
                tracking.set_terminated(run.info.run_id, status)
                logger.warning("MLflow run %s: closed as %s, its flow run has ended", run.info.run_name, status)
                closed.append(str(run.info.run_name))
    return closed


def open_runs(tracking: MlflowClient) -> list[Run]:
    """Return every MLflow run with the status RUNNING that a flow run created."""
    experiments = [experiment.experiment_id for experiment in tracking.search_experiments(ViewType.ACTIVE_ONLY)]
    found = tracking.search_runs(experiments, "attributes.status = 'RUNNING'") if experiments else []
    return [run for run in found if FLOW_RUN_TAG in run.data.tags]


def status_of_ended(client: SyncPrefectClient, run: Run) -> str | None:
    """Return the final status of an open MLflow run, or None if its flow run works or may still work."""
    folder = RunTags.of(run).run_dir
    directory = RunDirectory(Path(folder)) if folder and Path(folder).exists() else None
    if directory and (directory.is_locked() or directory.is_followed()):
        return None
    try:
        state = client.read_flow_run(UUID(run.data.tags[FLOW_RUN_TAG])).state
    except ObjectNotFound:
        # The flow run belongs to another Prefect server, or its history was deleted. Only the machine that trains
        # can tell whether it has ended.
        return "KILLED" if directory else None
    if state is None or not state.is_final():
        return None
    return MLFLOW_STATUS.get(state.type, "FAILED")


def read_flow_runs(client: SyncPrefectClient, wanted: FlowRunFilter) -> list[FlowRun]:
    """Return all flow runs that match the filter, without a limit."""
    found: list[FlowRun] = []
    while True:
        page = client.read_flow_runs(flow_run_filter=wanted, limit=PAGE, offset=len(found))
        found += page
        if len(page) < PAGE:
            return found


def _is_open(client: SyncPrefectClient, flow_run_id: UUID) -> bool:
    try:
        state = client.read_flow_run(flow_run_id).state
    except ObjectNotFound:
        return False
    return state is None or not state.is_final()


def _in(types: Collection[StateType]) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))
