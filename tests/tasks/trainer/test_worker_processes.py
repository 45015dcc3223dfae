"""A training in two processes as it really runs: torchrun, real signals, real deaths."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from models.compute.config import ComputeConfig
from models.training.checkpoints import CheckpointStore
from models.training.loop import TrainConfig
from tasks.trainer.run_directory import RunDirectory
from tasks.training.stage import plan_run
from tests.waiting import wait_until

CONFIG = TrainConfig(
    family="dcgan",
    nimg=640,
    batch_size=8,
    width=8,
    latent_dim=8,
    tick_nimg=80,
    checkpoint_ticks=2,
    snapshot_ticks=5,
    compute=ComputeConfig(threads=1, device="cpu", processes=2),
)


def make_run(dataset: str, path: Path, nimg: int = CONFIG.nimg) -> RunDirectory:
    run = RunDirectory(path)
    run.create(plan_run(dataset, CONFIG.model_copy(update={"nimg": nimg})))
    return run


def start(run: RunDirectory) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tasks.trainer.worker", str(run.path)]
    return subprocess.Popen(command, stdout=run.log.open("ab"), stderr=subprocess.STDOUT, start_new_session=True)


def ranks(trainer: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(trainer.pid).children()


def test_two_processes_killed_half_way_and_started_again_end_in_the_same_bits(dataset: str, tmp_path: Path) -> None:
    whole, killed = make_run(dataset, tmp_path / "whole"), make_run(dataset, tmp_path / "killed")
    assert start(whole).wait(180) == 0
    trainer = start(killed)
    wait_until(lambda: len(killed.read_stats()) >= 4, alive=trainer)
    processes = ranks(trainer)
    assert len(processes) == 2
    processes[1].kill()
    assert trainer.wait(60) != 0
    psutil.wait_procs(processes, timeout=30)
    assert not any(process.is_running() for process in processes)
    status = killed.status()
    assert status is not None
    assert status.state == "running"
    assert start(killed).wait(180) == 0
    ours, theirs = (CheckpointStore(run.checkpoints).load_latest() for run in (whole, killed))
    assert ours is not None
    assert theirs is not None
    assert ours.nimg == theirs.nimg == CONFIG.nimg
    assert all(torch.equal(ours.tensors[name], theirs.tensors[name]) for name in ours.tensors)
    assert [row["nimg"] for row in killed.read_stats()] == [row["nimg"] for row in whole.read_stats()]


@pytest.mark.parametrize("number", [signal.SIGTERM])
def test_two_processes_told_to_stop_checkpoint_together(dataset: str, tmp_path: Path, number: signal.Signals) -> None:
    run = make_run(dataset, tmp_path / "stopped", nimg=10_000_000)
    trainer = start(run)
    wait_until(run.read_stats, alive=trainer)
    os.killpg(trainer.pid, number)
    trainer.wait(25)
    status = run.status()
    assert status is not None
    assert status.state == "resumable"
    checkpoint = CheckpointStore(run.checkpoints).load_latest()
    assert checkpoint is not None
    assert checkpoint.nimg == status.nimg > 0
