"""The supervisor and what it makes of a trainer's end; the task itself runs in tests/flows."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from models.compute.config import ComputeConfig
from models.networks.names import check_resolution
from models.training.loop import TrainConfig
from tasks.errors import (
    RequestError,
    TrainerDied,
    TrainingDiverged,
    TrainingFailed,
    TrainingInterrupted,
)
from tasks.home import home
from tasks.trainer.run_directory import RunDirectory
from tasks.training.process.supervision import raise_for, supervise
from tasks.training.stage import plan_run

CPU = ComputeConfig(threads=1, device="cpu")
ENDLESS = TrainConfig(family="dcgan", nimg=10_000_000, batch_size=8, width=8, latent_dim=8, tick_nimg=80, compute=CPU)


@pytest.fixture
def run(dataset: str) -> RunDirectory:
    plan = plan_run(dataset, ENDLESS)
    run = RunDirectory(home().runs / plan.run)
    run.create(plan)
    return run


def test_the_same_request_is_the_same_run_and_another_is_not(dataset: str) -> None:
    first = plan_run("tiny", ENDLESS)
    assert first == plan_run(dataset, ENDLESS)
    assert first.run.startswith("tiny-dcgan-")
    assert plan_run("tiny", ENDLESS.model_copy(update={"seed": 1})).run != first.run


def test_labels_make_it_conditional_unless_switched_off(dataset: str) -> None:
    assert plan_run("tiny", ENDLESS).network.num_classes == 2
    assert plan_run("tiny", ENDLESS.model_copy(update={"conditional": False})).network.num_classes == 0


def test_planning_touches_nothing(dataset: str) -> None:
    plan_run("tiny", ENDLESS)
    assert not home().runs.exists()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("resumable", TrainingInterrupted),
        ("diverged", TrainingDiverged),
        ("failed", TrainingFailed),
        ("running", TrainerDied),
    ],
)
def test_how_a_trainer_ended(run: RunDirectory, state: str, expected: type[Exception]) -> None:
    run.set_status(state, 7, "the reason")  # type: ignore[arg-type]
    with pytest.raises(expected) as caught:
        raise_for(run, -9, before=0)
    assert type(caught.value) is expected
    assert "at 7 images" in str(caught.value)


def test_done_is_no_error(run: RunDirectory) -> None:
    run.set_status("done", 7)
    raise_for(run, 0, before=0)


@pytest.mark.parametrize(("exit_code", "expected"), [(1, TrainingFailed), (-9, TrainerDied)])
def test_what_an_earlier_trainer_said_does_not_count(
    run: RunDirectory, exit_code: int, expected: type[Exception]
) -> None:
    run.set_status("resumable", 7, "told to stop by SIGTERM")
    run.log.write_text("ImportError: no such library\n")
    with pytest.raises(expected, match="ImportError: no such library") as caught:
        raise_for(run, exit_code, run.status_written())
    assert type(caught.value) is expected


def test_an_exception_in_the_supervisor_stops_the_trainer_with_a_checkpoint(run: RunDirectory) -> None:
    class CancelledForTest(BaseException):
        pass

    def cancel_once_it_trains() -> None:
        if run.read_stats():
            raise CancelledForTest

    with pytest.raises(CancelledForTest):
        supervise(run, cancel_once_it_trains)
    status = run.status()
    assert status is not None
    assert status.state == "resumable"
    assert not run.is_locked()
    assert list(run.checkpoints.glob("*/COMMITTED"))


def test_a_trainer_that_is_killed_is_reported_as_dead(run: RunDirectory) -> None:
    def kill_once_it_trains() -> None:
        if run.read_stats():
            for pid in _trainers():
                os.kill(pid, signal.SIGKILL)

    assert supervise(run, kill_once_it_trains) == -signal.SIGKILL
    with pytest.raises(TrainerDied, match="a retry continues from its last checkpoint"):
        raise_for(run, -9, before=0)


def _trainers() -> list[int]:
    """Process ids of the trainers that this thread has started and that still run."""
    listed = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    return [int(pid) for pid in listed if b"tasks.trainer.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.parametrize("resolution", [20, 31, 1024])
def test_a_resolution_that_the_networks_cannot_make(resolution: int) -> None:
    with pytest.raises(ValueError, match="use 16, 24, 32"):
        check_resolution(resolution)


def test_a_dataset_of_such_a_resolution_is_refused_before_anything_starts(collection: Path, home_dir: Path) -> None:
    command = [sys.executable, "-m", "shards", str(collection), str(home_dir), "--dataset", "odd", "--resolution", "20"]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(RequestError, match=r"dataset odd: .*resolution 20"):
        plan_run("odd", ENDLESS)
    assert not home().runs.exists()
