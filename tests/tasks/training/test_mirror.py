"""A run's copy in a bucket: a worker dies with its disk, another one goes on."""

import shutil
from pathlib import Path
from uuid import uuid4

import pytest
import torch

from models.compute.config import ComputeConfig
from models.training.checkpoints import MARKER, CheckpointStore
from models.training.loop import TrainConfig
from tasks.errors import MirrorError
from tasks.home import home
from tasks.trainer.run_directory import RunDirectory
from tasks.trainer.worker import StopFlag, train_in
from tasks.training.mirror import RunMirror
from tasks.training.stage import plan_run

CONFIG = TrainConfig(
    family="dcgan",
    nimg=160,
    batch_size=8,
    width=4,
    latent_dim=4,
    tick_nimg=16,
    checkpoint_ticks=2,
    compute=ComputeConfig(threads=1, device="cpu"),
)


def make_run(dataset: str, folder: Path) -> RunDirectory:
    plan = plan_run(dataset, CONFIG)
    run = RunDirectory(folder / plan.run)
    run.create(plan)
    return run


def train_until(run: RunDirectory, nimg: int) -> None:
    """Train as the worker does, told to stop when a tick at `nimg` is there."""
    stop = StopFlag()
    append = run.append_stats

    def watched(row: dict[str, float]) -> None:
        append(row)
        if row["nimg"] >= nimg:
            stop.reason = "far enough"

    run.append_stats = watched  # type: ignore[method-assign]
    status = train_in(run, stop)
    run.set_status(status.state, status.nimg)


def test_another_worker_goes_on_where_the_first_died(dataset: str, tmp_path: Path, bucket: str) -> None:
    uri = f"{bucket}/{uuid4().hex}"
    whole = make_run(dataset, tmp_path / "whole")
    train_until(whole, CONFIG.nimg)

    first = make_run(dataset, tmp_path / "first")
    mirror = RunMirror(first, uri)
    train_until(first, 80)
    mirror.push()
    name = first.name
    shutil.rmtree(first.path)

    second = make_run(dataset, tmp_path / "second")
    assert second.name == name
    RunMirror(second, uri).pull()
    fetched = CheckpointStore(second.checkpoints).load_latest()
    assert fetched is not None
    assert fetched.nimg == 80
    assert [row["nimg"] for row in second.read_stats()] == [16, 32, 48, 64, 80]
    train_until(second, CONFIG.nimg)
    ours, theirs = (CheckpointStore(run.checkpoints).load_latest() for run in (whole, second))
    assert ours is not None
    assert theirs is not None
    assert all(torch.equal(ours.tensors[key], theirs.tensors[key]) for key in ours.tensors)

    again = RunMirror(second, uri)
    again.finish()
    kept = [path.name for path in CheckpointStore(second.checkpoints).committed()]
    assert RunMirror(second, uri)._committed() == kept


def test_what_is_not_whole_there_is_not_fetched(dataset: str, tmp_path: Path, home_dir: Path) -> None:
    shared = tmp_path / "shared"
    first = make_run(dataset, tmp_path / "first")
    train_until(first, 80)
    RunMirror(first, shared.as_uri()).push()
    for marker in shared.rglob(MARKER):
        marker.unlink()
    second = make_run(dataset, tmp_path / "second")
    RunMirror(second, shared.as_uri()).pull()
    assert not CheckpointStore(second.checkpoints).committed()


def test_a_bucket_that_does_not_answer_is_named(dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(MirrorError, match=r"could not list the run's state at s3://gone/.*may write to it"):
        RunMirror(make_run(dataset, tmp_path), "s3://gone/runs").pull()


def test_a_bucket_as_home_has_a_working_copy_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHARDGAN_SCRATCH", str(tmp_path))
    monkeypatch.setenv("SHARDGAN_HOME", "s3://images/team/")
    assert home().shared == "s3://images/team"
    assert home().is_remote
    assert home().root.parent == tmp_path
    monkeypatch.setenv("SHARDGAN_HOME", str(tmp_path))
    assert not home().is_remote
    assert home().shared == str(home().root)
