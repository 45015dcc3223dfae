"""The flow runs that wait in Prefect until a person has answered: they are started, and ended when nobody is asked.

Such a run is suspended. No process belongs to it and it holds no slot, so it outlives every worker and server. It is a
convenience: the question itself is in the version's tags, and `shardgan approve` and `shardgan decline` need no run.
"""

import logging
from typing import cast
from uuid import UUID

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from prefect import task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed

from tasks.errors import RegistryError
from tasks.flow_runs.reconciliation import read_flow_runs
from tasks.home import home
from tasks.registry.decisions.questions import expire_overdue, is_asked, read_approval, remember_flow_run
from tasks.registry.versions import resolve_version
from tasks.tracking.approvals import in_a_word
from tasks.tracking.model_ref import ModelRef, uri_of
from tasks.tracking.outages import not_needed
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags

__all__ = ["DEPLOYMENT", "close_questions", "end_waiting_run", "is_answered_elsewhere", "put_question"]

logger = logging.getLogger(__name__)
DEPLOYMENT = "ask-approval/question"
TAG = "approval"  # of the deployment in deploy/prefect.yaml, and so of each of its runs


def put_question(model: str) -> None:
    """Start a flow run that asks about the version in Prefect's UI, unless one waits already."""
    client = connect(home())
    version = resolve_version(client, model)
    with not_needed("the question in the UI"):
        if _find_run(VersionTags.of(version).approval_run):
            return
        started = run_deployment(DEPLOYMENT, parameters={"config": {"model": model}}, timeout=0, as_subflow=False)
        run = cast(FlowRun, started)  # typed as a coroutine too, which it is in async callers
        remember_flow_run(client, version, str(run.id))
        logger.info("the flow run %s of %s asks about %s", run.name, DEPLOYMENT, model)


def is_answered_elsewhere(client: MlflowClient, model: str, flow_run: str) -> bool:
    """Return whether the flow run has nothing to ask: nobody is asked about the version, or another run asks.

    Otherwise the version remembers this flow run.
    """
    version = resolve_version(client, model)
    known = VersionTags.of(version).approval_run
    if not is_asked(version) or (known not in ("", flow_run) and _find_run(known)):
        return True
    remember_flow_run(client, version, flow_run)
    return False


def end_waiting_run(model: str) -> None:
    """End the flow run that waits for an answer about the version, which was given elsewhere."""
    version = resolve_version(connect(home()), model)
    with not_needed("the end of the question in the UI"), get_client(sync_client=True) as client:
        run = _find_run(VersionTags.of(version).approval_run)
        if run and run.state and run.state.is_paused():
            approval = read_approval(version)
            _end(client, run, in_a_word(approval.state), approval.describe(uri_of(version)))


@task(task_run_name="close-questions")
def close_questions() -> list[str]:
    """Record which time limits have passed, and end flow runs that wait for nothing. Return a sentence for each."""
    tracking = connect(home())
    closed = expire_overdue(tracking, home())
    paused = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED]))
    with get_client(sync_client=True) as client:
        for run in read_flow_runs(client, FlowRunFilter(tags=FlowRunFilterTags(all_=[TAG]), state=paused)):
            model = str(run.parameters.get("config", {}).get("model", ""))
            name, message = _what_became_of(tracking, model, str(run.id))
            if name:
                _end(client, run, name, message)
                closed.append(f"flow run {run.name}: {message}")
    return closed


def _what_became_of(tracking: MlflowClient, model: str, flow_run: str) -> tuple[str, str]:
    """Return the name and message of the state in which a run that waits for nothing ends. Empty if it waits."""
    try:
        version = tracking.get_model_version(*_name_and_number(model))
        if is_asked(version) and VersionTags.of(version).approval_run == flow_run:
            return "", ""
        approval = read_approval(version)
    except (MlflowException, RegistryError) as error:
        return "Nothing to ask", f"the version cannot be read: {error}"
    return in_a_word(approval.state), approval.describe(uri_of(version)) or "nobody is asked about it any more"


def _name_and_number(model: str) -> tuple[str, str]:
    ref = ModelRef.parse(model)
    return ref.name, ref.version


def _find_run(flow_run: str) -> FlowRun | None:
    """Return the flow run unless it has ended, or is unknown to this server."""
    if not flow_run:
        return None
    with get_client(sync_client=True) as client:
        try:
            run = client.read_flow_run(UUID(flow_run))
        except (ObjectNotFound, ValueError):
            return None
    return run if run.state is None or not run.state.is_final() else None


def _end(client: SyncPrefectClient, run: FlowRun, name: str, message: str) -> None:
    client.set_flow_run_state(run.id, Completed(name=name, message=message))
