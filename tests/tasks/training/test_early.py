"""A trainer that starts before its run is known: it takes the run, reads the same images, and is never left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from models.compute.config import ComputeConfig
from models.training.config import TrainConfig
from shards import Dataset, Split
from tasks.home import home
from tasks.trainer.config import DataConfig
from tasks.trainer.run_directory import RunDirectory
from tasks.training.process.early import EarlyJob, EarlyTrainer
from tasks.training.process.program import read_early
from tasks.training.process.supervision import supervise
from tasks.training.stage import plan_run

CPU = ComputeConfig(threads=1, device="cpu")
CONFIG = TrainConfig(family="dcgan", nimg=16, batch_size=8, width=8, latent_dim=8, tick_nimg=8, compute=CPU)


@pytest.fixture(autouse=True)
def no_trainer_is_left() -> Iterator[None]:
    yield
    EarlyTrainer.stop_unused()


def find(dataset: str, data: DataConfig) -> Split | None:
    early = read_early(EarlyJob(dataset="tiny", root=home().shared, data=data, parent=os.getpid()))
    return early.find(Dataset.open(dataset).manifest) if early else None


def test_the_images_are_those_that_the_trainer_would_read(dataset: str) -> None:
    found, expected = find(dataset, DataConfig()), Dataset.open(dataset).open_split("train")
    assert found is not None
    assert np.array_equal(found.images, expected.images)
    assert (found.keys, found.labels.tolist()) == (expected.keys, expected.labels.tolist())


@pytest.mark.parametrize("data", [DataConfig(mode="streaming"), DataConfig(blend="tiny,other")])
def test_images_that_are_streamed_or_blended_are_not_read_early(dataset: str, data: DataConfig) -> None:
    assert find(dataset, data) is None


def test_it_takes_its_run_and_trains_it(dataset: str) -> None:
    EarlyTrainer.start("tiny", CONFIG, DataConfig())
    plan = plan_run("tiny", CONFIG)
    run = RunDirectory(home().runs / plan.run)
    run.create(plan)
    assert supervise(run, lambda: None) == 0
    status = run.status()
    assert status is not None
    assert (status.state, status.nimg) == ("done", 16)
    lines = run.log.read_text()
    assert "data.mode auto: resident" in lines  # from before the run was known
    assert "done at 16 images" in lines
    assert EarlyTrainer.take(str(run.path)) is None  # a retry starts another one


def test_one_that_has_ended_is_not_given_a_run(dataset: str, tmp_path: Path) -> None:
    EarlyTrainer.start("tiny", CONFIG, DataConfig())
    started = EarlyTrainer._started
    assert started
    started.process.kill()
    started.process.wait()
    assert EarlyTrainer.take(str(tmp_path)) is None


def test_several_processes_share_nothing_early(dataset: str) -> None:
    EarlyTrainer.start("tiny", CONFIG.model_copy(update={"compute": ComputeConfig(processes=2)}), DataConfig())
    assert EarlyTrainer._started is None


COMMAND = """
import sys
from tasks.trainer.config import DataConfig, TrainConfig
from tasks.training.process.early import EarlyTrainer

EarlyTrainer.start("tiny", TrainConfig(), DataConfig())
print(EarlyTrainer._started.process.pid, flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, None])
def test_it_ends_with_its_command(dataset: str, ending: int | None) -> None:
    command = subprocess.Popen([sys.executable, "-c", COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert command.stdout is not None
    trainer = psutil.Process(int(command.stdout.readline()))
    if ending:
        command.send_signal(ending)
    command.communicate(b"\n")
    _, left = psutil.wait_procs([trainer], timeout=60)
    assert [one for one in left if one.status() != psutil.STATUS_ZOMBIE] == []
