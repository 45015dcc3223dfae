"""A training whose processes are killed, stopped or cancelled: nothing of it is lost, and nothing is doubled."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from models.checkpoints import CheckpointStore
from tasks.home import home
from tasks.registry import find_version
from tasks.tracking import RUN_TAG, connect
from tests.faults.conftest import Training
from tests.faults.service import Service, wait_until

Begin = Callable[..., Training]
Tell = Callable[[str], None]


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


def test_flow_process_killed(service: Service, begin: Begin, uninterrupted: str, tell: Tell) -> None:
    """Flow process killed (SIGKILL) in training."""
    training = begin()
    with counted_trainers(training) as counts:
        training.flow_process().kill()
        service.wait_for_state(training.flow_run, "Crashed", "AwaitingRetry")
        finish(training, uninterrupted, tell)
    assert service.flow_run(training.flow_run)["run_count"] == 2
    assert max(counts) == 1
    tell("never two trainers at once")


def test_worker_killed(service: Service, begin: Begin, uninterrupted: str, tell: Tell) -> None:
    """Worker killed (SIGKILL) in training, another one started."""
    training = begin()
    with counted_trainers(training) as counts:
        service.stop("gpu")
        service.start("gpu")
        finish(training, uninterrupted, tell)
    assert max(counts) == 1
    tell("never two trainers at once")


def test_cancelled(service: Service, begin: Begin, uninterrupted: str, tell: Tell) -> None:
    """Flow cancelled as the UI does it, then retried as the UI does it."""
    training = begin()
    (trainer,) = training.trainers()
    tree = [training.flow_process(), trainer, *trainer.children(recursive=True)]
    service.set_state(training.flow_run, "CANCELLING", "Cancelling")
    service.wait_for_state(training.flow_run, "Cancelled")
    _, left = psutil.wait_procs(tree, timeout=30)
    assert not left
    status = training.run.status()
    assert status is not None
    assert status.state == "resumable"
    newest = CheckpointStore(training.run.checkpoints).load_latest()
    assert newest is not None
    assert newest.nimg == status.nimg > 0
    tell(f"SIGTERM, checkpoint at {status.nimg:,} images, no process left")
    service.set_state(training.flow_run, "SCHEDULED", "AwaitingRetry")
    finish(training, uninterrupted, tell)
    assert f"resuming at {status.nimg:,} images" in training.run.log.read_text()


@pytest.mark.parametrize("seconds", [15])
def test_prefect_server_down(service: Service, begin: Begin, uninterrupted: str, tell: Tell, seconds: float) -> None:
    """Prefect server killed, started again 15 s later."""
    training = begin()
    service.stop("prefect", signal.SIGKILL)
    threading.Event().wait(seconds)  # how long the fault lasts
    service.start("prefect")
    service.wait_for("prefect")
    wait_until(lambda: not training.trainers(), what="the end of the trainer")
    finish(training, uninterrupted, tell)
    assert service.flow_run(training.flow_run)["run_count"] == 1
