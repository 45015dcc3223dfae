"""From a folder of compressed images to a champion in the registry."""

import logging
from collections.abc import Callable
from typing import Annotated, cast

from prefect import State, flow
from prefect.states import Cancelled, Completed
from pydantic import BaseModel, ConfigDict

from flows.configs import BuildDatasetConfig, EvaluateGanConfig, PipelineConfig, TrainGanConfig
from flows.forms import Form
from flows.stages.build_dataset import build_dataset
from tasks.datasets.sharding import BuildOutcome
from tasks.errors import DatasetBusy
from tasks.evaluation.outcome import EvaluateOutcome
from tasks.flow_runs.exclusion import sole_run
from tasks.flow_runs.liveness import check_attempts
from tasks.flow_runs.run_names import name_run
from tasks.flow_runs.summary import show_outcome
from tasks.home import uses_temporary_server
from tasks.tracking.telemetry.lineage import pieces, stage
from tasks.training.outcome import TrainOutcome
from tasks.training.process.early import EarlyTrainer

logger = logging.getLogger(__name__)


class PipelineOutcome(BaseModel):
    """The outcome of each stage."""

    model_config = ConfigDict(frozen=True)

    build: BuildOutcome
    train: TrainOutcome
    evaluate: EvaluateOutcome
    report: str
    nothing_new: bool = False

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        return [*self.build.facts(), *self.train.facts(), *self.evaluate.facts()]


RUN_NAME = name_run("{config.shard.dataset}", "{config.train.family}", "{config.shard.size}")


@flow(name="pipeline", flow_run_name=RUN_NAME)
def pipeline(config: Annotated[PipelineConfig, Form()]) -> PipelineOutcome:
    """Shard, train, evaluate, register, promote. Stages that were done before are not repeated."""
    check_attempts()
    dataset, source = config.shard.dataset, pieces.source(config.shard.source)
    try:
        with sole_run(dataset, config.overlap), stage("pipeline", dataset, reads=[source]):
            return run_stages(config)
    except DatasetBusy as busy:
        return end_as(Cancelled, "Overlap", str(busy))


def run_stages(config: PipelineConfig) -> PipelineOutcome:
    """Run one stage after the other. Each stage gets the result of the previous one."""
    built = build_dataset(
        BuildDatasetConfig(shard=config.shard, screening=config.screening, dask_scheduler=config.dask_scheduler)
    )
    wanted = TrainGanConfig(
        dataset=f"{built.dataset}@{built.version}",
        model=config.model,
        train=config.train,
        data=config.data,
        launch=config.launch,
    )
    if uses_temporary_server():  # else a deployment may train on another machine
        EarlyTrainer.start(wanted.dataset, wanted.train, wanted.data)
    # Imported after sharding: these import torch and MLflow, which takes seconds.
    from flows.stages.evaluate_gan import evaluate_gan
    from tasks.evaluation.stage import check_scorable
    from tasks.registry.overview import describe_version

    check_scorable(built.manifest, config.evaluate)  # check this before hours of training
    known = find_trained(wanted)
    if known:
        EarlyTrainer.stop_unused()
    trained = known or train_where_it_belongs(wanted, config.training_deployment)
    evaluated = evaluate_gan(
        EvaluateGanConfig(model=trained.model.uri, evaluate=config.evaluate, promote=config.promote)
    )
    outcome = PipelineOutcome(
        build=built, train=trained, evaluate=evaluated, report=evaluated.report, nothing_new=known is not None
    )
    version = describe_version(evaluated.model)
    show_outcome(f"{version.name}: {evaluated.result}", outcome, version.links, version.origin)
    if known is None:
        return outcome
    since = f"nothing new since {known.model.uri} was made from {built.dataset}@{built.version}: nothing was trained"
    logger.info(since)
    return end_as(Completed, "Nothing new", since, outcome)


def find_trained(wanted: TrainGanConfig) -> TrainOutcome | None:
    """Return the outcome of exactly this training, if it was done before on any machine."""
    from tasks.training.delegation import find_outcome
    from tasks.training.stage import plan_run

    plan = plan_run(wanted.dataset, wanted.train, wanted.data)
    return find_outcome(plan.run, wanted.model or plan.dataset)


def train_where_it_belongs(wanted: TrainGanConfig, deployment: str) -> TrainOutcome:
    """Train through the deployment if the server has it, else in this process."""
    from flows.stages.train_gan import train_gan
    from tasks.training.delegation import is_deployed, train_by_deployment
    from tasks.training.stage import plan_run

    if not is_deployed(deployment):
        return train_gan(wanted)
    plan = plan_run(wanted.dataset, wanted.train, wanted.data)
    # The worker must train the run that is waited for, so it is told what train.family=auto means here.
    parameters = {"config": wanted.model_copy(update={"train": plan.train}).model_dump(mode="json")}
    return train_by_deployment(deployment, parameters, plan.run, wanted.model or plan.dataset)


def end_as(
    state: Callable[..., State[PipelineOutcome]], name: str, message: str, outcome: PipelineOutcome | None = None
) -> PipelineOutcome:
    """End the flow run in a state with a name and a sentence for the UI. Callers get the outcome as a return value."""
    return cast(PipelineOutcome, state(name=name, message=message, **({"data": outcome} if outcome else {})))
