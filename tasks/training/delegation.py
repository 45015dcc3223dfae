"""Training on another machine through a deployment. Only settings and names are sent.

The result is read from the registry and not from the flow run, because somebody else may have resumed or started it.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, cast
from uuid import UUID

import httpx
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import ArtifactSort
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import get_current_settings
from prefect.utilities.urls import url_for

from tasks.errors import TrainingFailed
from tasks.flow_runs.liveness import HELD
from tasks.flow_runs.progress import ProgressReport
from tasks.home import home, uses_temporary_server
from tasks.registry.versions import find_version_of
from tasks.tracking.runs import connect
from tasks.tracking.tags import RunTags, VersionTags
from tasks.training.outcome import RegisteredModel, TrainOutcome

logger = logging.getLogger(__name__)
POLL_SECONDS = 3.0
RESUME_SECONDS = 180.0  # an automation resumes a crashed training, which then waits for its worker's next poll
ACTIVE = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CRASHED]


def is_deployed(deployment: str) -> bool:
    """Return whether a Prefect server knows the deployment `flow/name`. Without a lasting server, return False."""
    if not deployment or uses_temporary_server() or not get_current_settings().api.url:
        return False
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(deployment)
        except ObjectNotFound:
            return False
    return True


def find_outcome(run: str, model: str) -> TrainOutcome | None:
    """Return the outcome of the training `run` from the registry, or None if it has registered nothing as `model`."""
    client = connect(home())
    version = find_version_of(client, model, run=run)
    if version is None or not version.run_id:
        return None
    tags = VersionTags.of(version)
    return TrainOutcome(
        run=run,
        run_dir=_run_dir(client, version.run_id),
        nimg=tags.nimg_seen or tags.nimg,
        mlflow_run_id=version.run_id,
        model=RegisteredModel(name=version.name, version=str(version.version)),
    )


def train_by_deployment(deployment: str, parameters: Mapping[str, Any], run: str, model: str) -> TrainOutcome:
    """Let the deployment train `run`, or join the flow run that already trains it, and wait until it ends.

    Raises TrainingFailed if it ends without a registered version.
    """
    return await_training(begin_training(deployment, parameters, run), deployment, run, model)


def begin_training(deployment: str, parameters: Mapping[str, Any], run: str) -> FlowRun:
    """Let the deployment train `run`, or join the flow run that already trains it. Several may run at the same time."""
    tag = f"run:{run}"
    with get_client(sync_client=True) as client:
        child = find_active(client, tag) or start(deployment, parameters, run, tag)
    logger.info("training runs as the flow run %s of %s: %s", child.name, deployment, url_for(child))
    return child


def await_training(child: FlowRun, deployment: str, run: str, model: str) -> TrainOutcome:
    """Wait until a flow run that trains `run` ends. Raises TrainingFailed if it registered no version."""
    with get_client(sync_client=True) as client, ProgressReport("training", f"Training {run}", 100) as progress:
        try:
            ended = wait_for_end(client, child.id, lambda: show_progress(client, child.id, progress))
        except ObjectNotFound as error:
            raise TrainingFailed(
                f"the flow run {child.name} that trains {run} was deleted in Prefect; its trainer stops with a "
                "checkpoint: start this run again to continue from there"
            ) from error
    if ended.state is None or not ended.state.is_completed():
        raise TrainingFailed(f"the flow run {ended.name} that trains {run} ended as {ended.state}: {url_for(ended)}")
    outcome = find_outcome(run, model)
    if outcome is None:
        raise TrainingFailed(
            f"{deployment} has trained {run}, but the registry at {home().shown_tracking_uri} has no version of "
            f"{model} from it: its worker must use the same MLFLOW_TRACKING_URI"
        )
    return outcome


def start(deployment: str, parameters: Mapping[str, Any], name: str, tag: str) -> FlowRun:
    """Create a flow run of the deployment. Prefect shows and cancels it together with the calling flow run."""
    created = run_deployment(deployment, parameters=dict(parameters), tags=[tag], timeout=0, flow_run_name=name)
    return cast(FlowRun, created)  # typed as a coroutine too, which it is in async callers


def find_active(client: SyncPrefectClient, tag: str) -> FlowRun | None:
    """Return the flow run with this tag that has not ended, or that crashed and will be resumed."""
    states = FlowRunFilterState(type=FlowRunFilterStateType(any_=ACTIVE))
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[tag]), state=states))
    alive = [run for run in found if not _has_crashed_for_good(run)]
    return min(alive, key=lambda run: run.state_type == StateType.CRASHED, default=None)


def wait_for_end(client: SyncPrefectClient, flow_run_id: UUID, on_poll: Callable[[], None] = lambda: None) -> FlowRun:
    """Wait until the flow run has ended, and return it. A crash does not count as the end while a resume is possible.

    If the Prefect server does not answer, wait for it: the training does not need the server.
    """
    told = ""
    while True:
        try:
            run = client.read_flow_run(flow_run_id)
            if run.state and run.state.name == HELD and run.state.message != told:
                told = run.state.message or ""
                logger.warning("%s: %s", run.name, told)
            on_poll()
        except (httpx.TransportError, PrefectHTTPStatusError) as error:
            if isinstance(error, PrefectHTTPStatusError) and error.response.status_code < 500:
                raise
            logger.warning("the Prefect server does not answer (%s); the training continues", error)
        else:
            if run.state and run.state.is_final() and (not run.state.is_crashed() or _has_crashed_for_good(run)):
                return run
        time.sleep(POLL_SECONDS)


def show_progress(client: SyncPrefectClient, flow_run_id: UUID, progress: ProgressReport) -> None:
    """Show the progress of the other flow run's training in this flow run."""
    wanted = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]), key=ArtifactFilterKey(any_=["training"])
    )
    for artifact in client.read_artifacts(artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC, limit=1):
        note = str(artifact.description or "").partition(": ")[2]
        progress.update(float(str(artifact.data or 0)), note)


def _has_crashed_for_good(run: FlowRun) -> bool:
    if run.state is None or not run.state.is_crashed():
        return False
    return time.time() - run.state.timestamp.timestamp() > RESUME_SECONDS


def _run_dir(client: MlflowClient, run_id: str) -> str:
    try:
        return RunTags.of(client.get_run(run_id)).run_dir
    except MlflowException:
        return ""
