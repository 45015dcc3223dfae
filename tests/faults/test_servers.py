"""Servers that are away for a while: training goes on without them, and afterwards all is there."""

import signal
import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.home import home
from tasks.tracking.runs import RUN_TAG, connect
from tests.faults.service import Service
from tests.faults.training import Begin, Tell, Training, finish
from tests.waiting import wait_until

ENDLESS_NIMG = 100_000_000
MOST_SLOWDOWN = 0.05


@pytest.mark.parametrize("seconds", [15])
def test_prefect_server_down(service: Service, begin: Begin, uninterrupted: str, tell: Tell, seconds: float) -> None:
    """Prefect server killed (SIGKILL), started again 15 s later."""
    training = begin()
    service.stop("prefect", signal.SIGKILL)
    threading.Event().wait(seconds)  # how long the fault lasts
    service.start("prefect")
    service.wait_for("prefect")
    finish(training, uninterrupted, tell)
    assert service.flow_run(training.flow_run)["run_count"] == 1


@dataclass(frozen=True)
class Moment:
    """Where a trainer is, and how long its main thread has been at it, without the wait for a core."""

    nimg: int
    seconds: float

    def per_image(self, later: "Moment") -> float:
        return (later.seconds - self.seconds) / (later.nimg - self.nimg)


def next_tick(training: Training) -> Moment:
    """The moment of the trainer's next tick."""
    (trainer,) = training.trainers()
    training.wait_for_ticks(1)
    waited = int(Path(f"/proc/{trainer.pid}/schedstat").read_text().split()[1]) / 1e9  # for a core, see proc(5)
    return Moment(int(training.run.read_stats()[-1]["nimg"]), time.monotonic() - waited)


def over(training: Training, seconds: float) -> tuple[Moment, Moment]:
    """The moments at both ends of a stretch of so many seconds, or some more."""
    start = next_tick(training)
    threading.Event().wait(seconds)
    return start, next_tick(training)


@pytest.mark.parametrize("seconds", [60])
def test_mlflow_down(service: Service, begin: Begin, tell: Tell, seconds: float) -> None:
    """MLflow server killed (SIGKILL) for 60 s in training."""
    training = begin(nimg=ENDLESS_NIMG)
    before = over(training, seconds / 2)
    service.stop("mlflow")
    began = time.monotonic()
    during = over(training, seconds)
    service.start("mlflow")
    service.wait_for("mlflow")
    away = time.monotonic() - began
    after = over(training, seconds / 2)
    service.set_state(training.flow_run, "CANCELLING", "Cancelling")
    service.wait_for_state(training.flow_run, "Cancelled")
    times = [start.per_image(end) for start, end in (before, during, after)]
    slowdown = times[1] / statistics.mean([times[0], times[2]]) - 1
    spent = ", ".join(f"{1000 * one:.2f}" for one in times)
    tell(
        f"away for {away:.0f} s; ms an image before, during, after, less the wait for a core: {spent}: {slowdown:+.1%}"
    )
    client = connect(home())
    experiment = client.get_experiment_by_name("tiny")
    (logged,) = client.search_runs([experiment.experiment_id], f"tags.`{RUN_TAG}` = '{training.run.name}'")
    wait_until(lambda: client.get_run(logged.info.run_id).info.status == "KILLED", what="the end of the MLflow run")
    steps = [point.step for point in client.get_metric_history(logged.info.run_id, "loss_d")]
    assert steps == [int(row["nimg"]) for row in training.run.read_stats()]
    assert len(set(steps)) == len(steps)
    tell(f"{len(steps)} points, each once")
    assert slowdown < MOST_SLOWDOWN
