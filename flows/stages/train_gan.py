"""Train a generator on a dataset version and register it as challenger."""

from typing import Annotated

from prefect import flow

from flows.configs import TrainGanConfig
from flows.forms import Form
from tasks.flow_runs.liveness import check_attempts
from tasks.flow_runs.run_names import name_run
from tasks.flow_runs.summary import show_outcome
from tasks.tracking.telemetry.lineage import pieces, stage
from tasks.training.outcome import TrainOutcome
from tasks.training.quota import check_quota
from tasks.training.stage import prepare_run, register_generator, train


@flow(name="train-gan", flow_run_name=name_run("{config.dataset}", "train", "{config.train.family}"))
def train_gan(config: Annotated[TrainGanConfig, Form()]) -> TrainOutcome:
    """Train and register. The same request finds the same run, and continues it if it was interrupted."""
    check_attempts()
    names = config.data.datasets() or [config.dataset]
    with stage("train-gan", config.dataset, reads=[pieces.dataset(name) for name in names]) as lineage:
        run_dir = prepare_run(config.dataset, config.train, config.data, config.launch)
        check_quota(run_dir)
        mlflow_run_id = train(run_dir, config.parent_run)
        trained = register_generator(run_dir, mlflow_run_id, config.model)
        lineage.made(pieces.model(trained.model.uri))
        lineage.note({"run": trained.run, "nimg": trained.nimg, "mlflow_run_id": mlflow_run_id})
    from tasks.registry.overview import describe_version  # imports MLflow and torch, for which no training waits

    version = describe_version(trained.model.uri)
    show_outcome(f"{version.name}: trained", trained, version.links, version.origin)
    return trained
