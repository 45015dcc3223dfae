"""The training stage: a child process trains in a run directory (tasks.training.process), and this task follows it.

Call the task directly, never with `.submit()`: signals reach only the main thread, and the trainer dies with the thread
that started it.
"""

import hashlib
import logging
import socket
from pathlib import Path
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from models.training.config import TrainConfig
from shards import Dataset
from tasks.errors import TrainerDied, TrainingFailed
from tasks.flow_runs.artifacts import show_link
from tasks.flow_runs.progress import ProgressReport
from tasks.flow_runs.run_names import name_in_run
from tasks.flow_runs.terminal import say
from tasks.home import home
from tasks.registry.costs import add_training
from tasks.registry.signing import check_keys
from tasks.registry.versions import register
from tasks.tracking.lineage import code_commit, parent_tags, prefect_tags, requested_at
from tasks.tracking.outages import RETRIES, RETRY_DELAYS, is_outage, should_retry
from tasks.tracking.runs import RunTracker, check_artifacts, connect
from tasks.trainer.config import DataConfig
from tasks.trainer.costs.config import CostConfig
from tasks.trainer.costs.history import History
from tasks.trainer.live_page import LivePage
from tasks.trainer.run_directory import RunConfig, RunDirectory
from tasks.trainer.traces import check_compression
from tasks.trainer.trusted import find_trusted
from tasks.training.blend import plan_parents
from tasks.training.family import resolve_family
from tasks.training.mirror import RunMirror
from tasks.training.outcome import RegisteredModel, TrainOutcome
from tasks.training.process.supervision import raise_for, supervise
from tasks.training.sizes import network_of
from tasks.training.transfer import fetch_start, find_start
from tasks.training.watch import RunWatch

logger = logging.getLogger(__name__)
LOCK_WAIT_SECONDS = 60.0


def plan_run(reference: str, config: TrainConfig, data: DataConfig | None = None) -> RunConfig:
    """Plan the run that trains `config` on a dataset, with the data settings `data`. Nothing is written.

    The run's name contains a digest of its inputs, so the same request finds the same run and continues it. Raises
    RequestError if these settings cannot train on the dataset.
    """
    check_keys()
    CostConfig.read()  # refuse a wrong variable now, not in the trainer
    dataset = Dataset.open(reference, home().shared)
    manifest = dataset.manifest
    config, auto = resolve_family(config, manifest, runs=home().runs)
    network = network_of(manifest, config)
    check_compression(config, network, dataset)
    start = find_start(config.init)
    init_sha256 = start.sha256 if start else ""
    data = data or DataConfig()
    trusted = find_trusted(config, dataset, network, str(home().shared))
    content = f"{manifest.version} {config.identity()} {network.model_dump_json()} {init_sha256}{data.identity()}"
    content += trusted.identity() if trusted else ""
    parents = plan_parents(dataset, data, config)
    content += "".join(f" {parent.version}:{parent.share}" for parent in parents)
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return RunConfig(
        run=f"{manifest.dataset}-{config.family}-{digest}",
        manifest=dataset.uri,
        dataset=manifest.dataset,
        dataset_version=manifest.version,
        labels=manifest.labels if network.num_classes else [],
        network=network,
        train=config,
        init_sha256=init_sha256,
        init_nets=start.nets if start else {},
        data=data,
        parents=parents,
        trusted=trusted,
        auto=auto,
        commit=code_commit(),
    )


@task(task_run_name="prepare-{dataset}")
def prepare_run(dataset: str, config: TrainConfig, data: DataConfig) -> str:
    """Create the run directory for training `config` on `dataset` unless it exists. Return its path."""
    plan = plan_run(dataset, config, data)
    if home().serves_itself:
        check_artifacts(connect(home()), home(), plan.dataset)  # before hours of training, not after
    if plan.auto:
        logger.info("train.family=auto: %s", plan.auto.why)
        say(f"train.family=auto: {plan.auto.why}")
    run = RunDirectory(home().runs / plan.run)
    if (start := find_start(config.init)) and not run.init.exists():
        run.path.mkdir(parents=True, exist_ok=True)
        fetch_start(start, run.init)
    run.create(plan)
    History(run.path).add_request(requested_at())
    return str(run.path)


def _is_worth_retrying(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Retry after a killed trainer or an outage. Do not retry a wrong request: it would fail again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, TrainerDied) or is_outage(error)


@task(
    task_run_name=name_in_run("train"),
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=_is_worth_retrying,
)
def train(run_dir: str, parent_run: str = "") -> str:
    """Start or resume the trainer in `run_dir` and follow it until it ends. Return the MLflow run's id.

    `parent_run` is the id of the MLflow run that becomes this run's parent. Raises RunLocked if another process
    still follows a training in this directory after LOCK_WAIT_SECONDS.
    """
    run = RunDirectory(Path(run_dir))
    if run.is_followed():
        logger.info("waiting for the other process that trains in %s", run.path)
    with run.follow(LOCK_WAIT_SECONDS):
        return _train(run, parent_run)


def _train(run: RunDirectory, parent_run: str) -> str:
    tracker = RunTracker(connect(home()), home(), run, prefect_tags() | parent_tags(parent_run))
    status = run.status()
    if status and status.state == "done":
        logger.info("run %s is already done: %s images", run.name, f"{status.nimg:,}")
        tracker.finish()
        return tracker.run_id
    run.wait_until_free(LOCK_WAIT_SECONDS)
    mirror = RunMirror(run, f"{home().shared}/runs") if home().is_remote else None
    if mirror:
        mirror.pull()
    with ProgressReport("training", f"Training {run.name}", run.config().train.nimg) as progress:
        watch = RunWatch(run, tracker, progress, mirror)
        page = LivePage(run)
        page.start()
        show_link("live-page", page.url, f"{run.name}: the training as a page, on {socket.gethostname()}")
        say(f"Watch the training: {page.url}")
        try:
            before = run.status_written()
            exit_code = supervise(run, watch.poll)
            raise_for(run, exit_code, before)
            progress.conclude(f"Trained {run.name}, {watch.seen():,} images,", str(run.path))
        except BaseException as error:
            tracker.abandon("FAILED" if isinstance(error, TrainingFailed) else "KILLED")
            raise
        finally:
            watch.close()
            page.finish()  # a trainer that was killed could not do this
    tracker.finish()
    return tracker.run_id


@task(
    task_run_name=name_in_run("register"),
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=should_retry,
)
def register_generator(run_dir: str, mlflow_run_id: str, name: str) -> TrainOutcome:
    """Register the run's generator as `name` with the alias challenger. If `name` is empty, use the dataset's name."""
    run = RunDirectory(Path(run_dir))
    name = name or run.config().dataset
    with ProgressReport("registering", f"Registering {name}", 1) as progress:
        client = connect(home())
        version = register(client, run, mlflow_run_id, name)
        add_training(client, version, run)
        progress.conclude(f"Registered {name} version {version.version} as challenger")
    status = run.status()
    return TrainOutcome(
        run=run.name,
        run_dir=run_dir,
        nimg=status.nimg if status else 0,
        mlflow_run_id=mlflow_run_id,
        model=RegisteredModel(name=name, version=str(version.version)),
    )
