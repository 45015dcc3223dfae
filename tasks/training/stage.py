"""The training stage: a child process trains in a run directory (tasks.training.process), and this task follows it.

Call the task directly, never with `.submit()`: signals reach only the main thread, and the trainer dies with the thread
that started it.
"""

import hashlib
import logging
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from tasks.registry.config import SIGNING_KEY, VERIFY_KEY
from tasks.tracking.databases import check_artifacts
from tasks.tracking.lineage import code_commit, parent_tags, prefect_tags, requested_at
from tasks.tracking.outages import RETRIES, RETRY_DELAYS, is_outage, should_retry
from tasks.trainer.config import DataConfig
from tasks.trainer.costs.config import CostConfig
from tasks.trainer.costs.history import History
from tasks.trainer.live_page import LivePage
from tasks.trainer.nodes.config import LaunchConfig
from tasks.trainer.run_directory import RunConfig, RunDirectory
from tasks.trainer.traces import check_compression
from tasks.trainer.trusted import find_trusted
from tasks.training.blend import plan_parents
from tasks.training.family import resolve_family
from tasks.training.outcome import RegisteredModel, TrainOutcome
from tasks.training.process.launchers.launcher import other_nodes
from tasks.training.process.supervision import raise_for, supervise
from tasks.training.sizes import network_of
from tasks.training.watch import Follower, Opening

if TYPE_CHECKING:
    from tasks.training.mirror import RunMirror

# MLflow and torch are imported inside functions, after the trainer has started: their import takes seconds.
logger = logging.getLogger(__name__)
LOCK_WAIT_SECONDS = 60.0


def plan_run(
    reference: str, config: TrainConfig, data: DataConfig | None = None, launch: LaunchConfig | None = None
) -> RunConfig:
    """Plan the run that trains `config` on a dataset, with the data settings `data`. Nothing is written.

    `launch` says how other nodes are started. It does not change the result. The run's name contains a digest of its
    inputs, so the same request finds the same run and continues it. Raises RequestError if these settings cannot train
    on the dataset.
    """
    if os.environ.get(SIGNING_KEY) or os.environ.get(VERIFY_KEY):
        from tasks.registry.signing import check_keys

        check_keys()
    CostConfig.read()  # refuse a wrong variable now, not in the trainer
    dataset = Dataset.open(reference, home().shared)
    manifest = dataset.manifest
    start = None
    if config.init:
        from tasks.training.transfer import find_start

        start = find_start(config.init)
    config, auto = resolve_family(config, manifest, runs=home().runs, start=start)
    network = network_of(manifest, config)
    check_compression(config, network, dataset)
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
        launch=launch or LaunchConfig(),
        parents=parents,
        trusted=trusted,
        auto=auto,
        commit=code_commit(),
    )


@task(task_run_name="prepare-{dataset}")
def prepare_run(dataset: str, config: TrainConfig, data: DataConfig, launch: LaunchConfig | None = None) -> str:
    """Create the run directory for training `config` on `dataset` unless it exists. Return its path."""
    plan = plan_run(dataset, config, data, launch)
    check_artifacts(home(), plan.dataset)  # before hours of training, not after
    if plan.auto:
        logger.info("train.family=auto: %s", plan.auto.why)
        say(f"train.family=auto: {plan.auto.why}")
    run = RunDirectory(home().runs / plan.run)
    if config.init and not run.init.exists():
        _fetch_init(config.init, run)
    run.create(plan)
    History(run.path).add_request(requested_at())
    return str(run.path)


def _fetch_init(uri: str, run: RunDirectory) -> None:
    from tasks.training.transfer import fetch_start, find_start

    if start := find_start(uri):
        run.path.mkdir(parents=True, exist_ok=True)
        fetch_start(start, run.init)


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
    status, tags = run.status(), prefect_tags() | parent_tags(parent_run)
    if status and status.state == "done":
        logger.info("run %s is already done: %s images", run.name, f"{status.nimg:,}")
        tracker = Opening(run, tags).wait()
        tracker.finish()
        return tracker.run_id
    run.wait_until_free(LOCK_WAIT_SECONDS)
    mirror = _pull_copy(run) if home().is_remote else None
    with ProgressReport("training", f"Training {run.name}", run.config().train.nimg) as progress:
        follower = Follower(run, tags, progress, mirror)
        page = LivePage(run)
        page.start()
        show_link("live-page", page.url, f"{run.name}: the training as a page, on {socket.gethostname()}")
        say(f"Watch the training: {page.url}")
        try:
            before = run.status_written()
            with other_nodes(run) as look_at_nodes:

                def poll() -> None:
                    follower.poll()
                    look_at_nodes()

                exit_code = supervise(run, poll)
                follower.watch.poll()
                raise_for(run, exit_code, before)
            progress.conclude(f"Trained {run.name}, {follower.watch.seen():,} images,", str(run.path))
        except BaseException as error:
            follower.abandon("FAILED" if isinstance(error, TrainingFailed) else "KILLED", error)
            raise
        finally:
            follower.close()
            page.finish()  # a trainer that was killed could not do this
    follower.watch.tracker.finish()
    return follower.watch.tracker.run_id


def _pull_copy(run: RunDirectory) -> "RunMirror":
    from tasks.training.mirror import RunMirror

    mirror = RunMirror(run, f"{home().shared}/runs")
    mirror.pull()
    return mirror


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
        from tasks.registry.costs import add_training
        from tasks.registry.versions import register
        from tasks.tracking.runs import connect

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
