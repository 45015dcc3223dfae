"""The service's quota of a day: a training over it is held until the next day, or refused with a sentence.

The quota is a variable of the Prefect server (`shardgan setup` sets it). What was used is read from MLflow, where every
training writes its GPU hours and its price at each tick, whichever machine it runs on. Only starts are checked.
"""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import State
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import Abort
from prefect.states import Scheduled
from prefect.variables import Variable
from pydantic import ValidationError

from tasks.errors import OverQuota
from tasks.flow_runs.liveness import HELD
from tasks.home import home
from tasks.tracking.tags import RunTags
from tasks.trainer.costs.config import CostConfig
from tasks.trainer.costs.history import History
from tasks.trainer.costs.quota import VARIABLE, Quota, Refusal, Spent
from tasks.trainer.run_directory import RunDirectory

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

logger = logging.getLogger(__name__)
METRICS = {"gpu_hours": "gpu_hours", "price": "price"}  # fields of Spent, and MLflow's metrics of each training


def check_quota(run_dir: str) -> None:
    """Let the training in this directory start, unless the quota of the day is used up.

    A flow run that a worker has started is then scheduled again for the next day, and this process ends. Raises
    OverQuota in any other process. A training that is already done needs no quota.
    """
    run = RunDirectory(Path(run_dir))
    status = run.status()
    quota = read_quota()
    if not quota.is_limited or (status and status.state == "done"):
        return
    from mlflow.exceptions import MlflowException  # without a quota, the trainer starts before MLflow is imported

    from tasks.tracking.runs import connect

    now = datetime.now(UTC)
    try:
        spent = spent_since(connect(home()), quota.begin_of_day(now))
    except (MlflowException, OSError) as error:
        logger.warning("the quota of the day is not checked, because MLflow does not answer: %s", error)
        return
    if refusal := quota.refuse(spent, now, CostConfig.read().currency):
        History(run.path).add("held")
        hold_or_refuse(refusal)


def read_quota() -> Quota:
    """Read the quota from the Prefect server. Without a service there is none."""
    stored: Any = Variable.get(VARIABLE, default=None)
    try:
        return Quota.model_validate(stored) if stored else Quota()
    except ValidationError as error:
        logger.warning("Prefect's variable %s is not a quota (%s): no limit holds", VARIABLE, error.errors()[0]["msg"])
        return Quota()


def spent_since(client: "MlflowClient", since: datetime) -> Spent:
    """Return what all trainings have used since then. A training counts up to its newest tick."""
    from mlflow.entities import ViewType

    start = int(since.timestamp() * 1000)
    experiments = [one.experiment_id for one in client.search_experiments(ViewType.ACTIVE_ONLY)]
    found: dict[str, Run] = {}
    for condition in ("attributes.status = 'RUNNING'", f"attributes.end_time >= {start}"):
        for run in client.search_runs(experiments, condition, max_results=1000) if experiments else []:
            if RunTags.name("run") in run.data.tags:
                found[run.info.run_id] = run
    sums = {
        field: sum(_gained(client, run, metric, start) for run in found.values() if metric in run.data.metrics)
        for field, metric in METRICS.items()
    }
    return Spent(**sums)


def _gained(client: "MlflowClient", run: "Run", metric: str, start: int) -> float:
    """What a metric that only grows has gained since `start`, in milliseconds."""
    points = client.get_metric_history(run.info.run_id, metric)
    before = max((point.value for point in points if point.timestamp < start), default=0.0)
    return max(max((point.value for point in points), default=0.0) - before, 0.0)


def hold_or_refuse(refusal: Refusal) -> None:
    """Schedule the flow run of this process again, or raise OverQuota if no worker would start it again."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        raise OverQuota(f"{refusal.why}: run the same command then, or raise the quota with `shardgan setup`")
    message = f"{refusal.why}: this training then starts by itself"
    with get_client(sync_client=True) as client:
        state: State[Any] = Scheduled(name=HELD, scheduled_time=refusal.until, message=message)
        client.set_flow_run_state(run.id, state, force=True)
    logger.warning("%s", message)
    raise Abort(message)  # this process ends, and the flow run stays scheduled
