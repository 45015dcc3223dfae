"""A training that is to be broken, and what must be true of it afterwards."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from models.compute.config import ComputeConfig
from models.training.checkpoints import TENSORS, CheckpointStore
from models.training.health_config import HealthConfig
from models.training.loop import TrainConfig
from tasks.home import home
from tasks.registry.versions import find_version
from tasks.tracking.runs import RUN_TAG, connect
from tasks.trainer.run_directory import RunDirectory
from tests.faults.service import Service
from tests.waiting import wait_until

Tell = Callable[[str], None]
TRAINING = TrainConfig(
    family="dcgan",
    nimg=24_000,  # some twenty seconds on an idle core: none ends before its fault has come
    batch_size=8,
    width=8,
    latent_dim=8,
    tick_nimg=800,
    checkpoint_ticks=5,
    snapshot_ticks=10,
    compute=ComputeConfig(threads=1, device="cpu"),
    health=HealthConfig(score_ticks=0),
)


@dataclass(frozen=True)
class Training:
    """One run of train-gan and the run directory that it works in."""

    service: Service
    flow_run: str
    run: RunDirectory

    def trainers(self) -> list[psutil.Process]:
        """The trainers at work in the run directory."""
        return [
            one
            for one in psutil.process_iter()
            if _words(one)[1:] == ["-m", "tasks.trainer.worker", str(self.run.path)]
        ]

    def flow_process(self) -> psutil.Process:
        """The process that the flow runs in: it has started the trainer."""
        (trainer,) = self.trainers()
        parent = trainer.parent()
        assert parent is not None
        return parent

    def num_ticks(self) -> int:
        return len(self.run.read_stats())

    def wait_for_ticks(self, count: int) -> None:
        """Wait until the trainer has told of so many more ticks than there are."""
        goal = self.num_ticks() + count
        wait_until(lambda: self.num_ticks() >= goal, what=f"tick {goal} of {self.run.name}")

    def weights(self) -> str:
        return weights_sha256(self.run)


Begin = Callable[..., Training]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def weights_sha256(run: RunDirectory) -> str:
    """sha256 of all networks, averages and optimisers at the end of a training."""
    newest = CheckpointStore(run.checkpoints).committed()[-1]
    assert int(newest.name) == run.config().train.nimg
    return hashlib.sha256((newest / TENSORS).read_bytes()).hexdigest()


@contextmanager
def counted_trainers(training: Training) -> Iterator[list[int]]:
    """How many trainers there were in the run directory, looked at all the time."""
    counts, stop = [], threading.Event()

    def look() -> None:
        while not stop.wait(0.1):
            counts.append(len(training.trainers()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield counts
    finally:
        stop.set()
        thread.join()


def check_complete(training: Training, uninterrupted: str) -> str:
    """The same bits as if nothing had happened; in MLflow every tick once, the run finished, one version."""
    assert training.weights() == uninterrupted
    client = connect(home())
    experiment = client.get_experiment_by_name("tiny")
    (logged,) = client.search_runs([experiment.experiment_id], f"tags.`{RUN_TAG}` = '{training.run.name}'")
    steps = [point.step for point in client.get_metric_history(logged.info.run_id, "loss_d")]
    assert steps == [int(row["nimg"]) for row in training.run.read_stats()]
    assert len(set(steps)) == len(steps)
    assert logged.info.status == "FINISHED"
    assert find_version(client, "tiny", run_id=logged.info.run_id)
    return f"weights bit-identical, {len(steps)} points in MLflow, each once"


def finish(training: Training, uninterrupted: str, tell: Tell) -> None:
    """Wait for the end of a run that has been broken, and see that all is as it should be."""
    training.service.wait_for_state(training.flow_run, "Completed")
    states = training.service.states(training.flow_run)
    assert states.count("Completed") == 1
    tell(" > ".join(states))
    tell(check_complete(training, uninterrupted))
