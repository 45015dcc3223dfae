"""Servers that are away for a while: training goes on without them, and afterwards all is there."""

import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.home import home
from tasks.run_directory import RunDirectory
from tasks.tracking import RUN_TAG, connect
from tasks.training import plan_run
from tests.faults.service import Service, wait_until
from tests.faults.training import TRAINING, Begin, Tell, Training, finish

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


@pytest.fixture
def yardstick(service: Service, tmp_path: Path) -> Iterator[RunDirectory]:
    """A trainer of the same settings that nobody follows, at the same time on the same machine."""
    run = RunDirectory(tmp_path / "yardstick")
    run.create(plan_run("tiny", TRAINING.model_copy(update={"nimg": ENDLESS_NIMG})))
    trainer = subprocess.Popen([sys.executable, "-m", "tasks.worker", str(run.path)], stdout=subprocess.DEVNULL)
    yield run
    trainer.kill()
    trainer.wait()


def last_nimg(run: RunDirectory) -> int:
    return int(run.read_stats()[-1]["nimg"])


def relative_speed(training: Training, yardstick: RunDirectory, seconds: float) -> float:
    """Images that the training saw in a stretch of time, for each that the other one saw."""
    ours, theirs = last_nimg(training.run), last_nimg(yardstick)
    threading.Event().wait(seconds)
    return (last_nimg(training.run) - ours) / (last_nimg(yardstick) - theirs)


@pytest.mark.parametrize("seconds", [60])
def test_mlflow_down(service: Service, begin: Begin, yardstick: RunDirectory, tell: Tell, seconds: float) -> None:
    """MLflow server killed (SIGKILL) for 60 s in training."""
    training = begin(nimg=ENDLESS_NIMG)
    wait_until(lambda: yardstick.read_stats(), what="the first tick of the other trainer")
    before = relative_speed(training, yardstick, seconds / 2)
    service.stop("mlflow")
    began = time.monotonic()
    during = relative_speed(training, yardstick, seconds)
    service.start("mlflow")
    service.wait_for("mlflow")
    away = time.monotonic() - began
    after = relative_speed(training, yardstick, seconds / 2)
    service.set_state(training.flow_run, "CANCELLING", "Cancelling")
    service.wait_for_state(training.flow_run, "Cancelled")
    slowdown = 1 - during / statistics.mean([before, after])
    tell(
        f"away for {away:.0f} s; speed beside a trainer that nobody follows: {before:.2f} before, {during:.2f} during,"
    )
    tell(f"{after:.2f} after: {slowdown:+.1%} slower")
    client = connect(home())
    experiment = client.get_experiment_by_name("tiny")
    (logged,) = client.search_runs([experiment.experiment_id], f"tags.`{RUN_TAG}` = '{training.run.name}'")
    wait_until(lambda: client.get_run(logged.info.run_id).info.status == "KILLED", what="the end of the MLflow run")
    steps = [point.step for point in client.get_metric_history(logged.info.run_id, "loss_d")]
    assert steps == [int(row["nimg"]) for row in training.run.read_stats()]
    assert len(set(steps)) == len(steps)
    tell(f"{len(steps)} points, each once")
    assert slowdown < MOST_SLOWDOWN
