"""Batches as the trainer gets them: with any number of workers, through kills, in either mode."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

import shards.reading.resident
from models.compute.config import ComputeConfig
from models.training.checkpoints import CheckpointStore
from models.training.loop import TrainConfig
from shards import Dataset, ShardError
from tasks.errors import RequestError
from tasks.trainer.batches import Data, open_data
from tasks.trainer.config import DataConfig
from tasks.trainer.run_directory import RunDirectory
from tasks.training.stage import plan_run
from tests.trainers import Trainer

STREAMING = DataConfig(mode="streaming", shuffle_buffer=20, workers=2)
TRAIN = TrainConfig(
    family="dcgan",
    nimg=960,
    batch_size=8,
    width=8,
    latent_dim=8,
    tick_nimg=80,
    checkpoint_ticks=2,
    compute=ComputeConfig(threads=1, device="cpu"),
)


def opened(dataset: str, config: DataConfig, rank: int = 0, world_size: int = 1) -> Data:
    return open_data(config, Dataset.open(dataset), batch_size=8, seed=5, rank=rank, world_size=world_size)


def first(data: Data, count: int, start_nimg: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.asarray(i), np.asarray(labels)) for i, labels in islice(data.batches(start_nimg), count)]


def assert_same(ours: list[tuple[np.ndarray, np.ndarray]], theirs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_any_number_of_workers_gives_the_same_batches(dataset: str) -> None:
    alone = opened(dataset, STREAMING.model_copy(update={"workers": -1}))
    whole = first(alone, 11)
    for workers in (1, 3):
        data = opened(dataset, STREAMING.model_copy(update={"workers": workers}))
        assert_same(first(data, 11), whole)
        assert_same(first(data, 4, start_nimg=56), whole[7:])


def test_ranks_with_workers_make_up_the_batch(dataset: str) -> None:
    whole = first(opened(dataset, STREAMING), 5)
    ranks = [first(opened(dataset, STREAMING, rank, 2), 5) for rank in range(2)]
    joined = [(np.concatenate([a, c]), np.concatenate([b, d])) for (a, b), (c, d) in zip(*ranks, strict=True)]
    assert_same(joined, whole)


def test_resident_batches_are_the_splits_own(dataset: str) -> None:
    data = opened(dataset, DataConfig(mode="resident"))
    split = Dataset.open(dataset).open_split("train")
    assert_same(first(data, 6, 16), list(islice(split.batches(8, seed=5, start_nimg=16), 6)))


@pytest.mark.parametrize("workers", [-1, 2])
def test_the_loader_measures_its_stages(dataset: str, workers: int) -> None:
    data = opened(dataset, STREAMING.model_copy(update={"workers": workers}))
    first(data, 4)
    figures = data.figures()
    stages = {"fetch", "read", "decode", "shuffle", "collate", "wait"}
    speeds = {f"loader_{stage}_images_per_second" for stage in stages}
    assert figures.keys() == speeds | {
        f"loader_{stage}_seconds" for stage in stages | ({"idle"} if workers > 0 else set())
    }
    assert all(value > 0 for value in figures.values())
    product = figures["loader_decode_seconds"] * figures["loader_decode_images_per_second"]
    assert product == pytest.approx(4 * 8, rel=0.05)  # the seconds are rounded
    assert data.figures() == {}


def test_images_in_memory_need_no_loader(dataset: str) -> None:
    data = opened(dataset, DataConfig(mode="resident"))
    first(data, 2)
    assert data.figures() == {}


def test_training_random_numbers_do_not_depend_on_the_loader(dataset: str) -> None:
    before = torch.get_rng_state()
    first(opened(dataset, STREAMING), 2)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [-1, 2])
def test_a_cut_shard_is_named_from_a_worker_too(dataset: str, workers: int) -> None:
    shard = Path(dataset).with_name(Dataset.open(dataset).manifest.shards("train")[0].url)
    os.truncate(shard, shard.stat().st_size - 600)
    with pytest.raises(ShardError, match=rf"^The shard '.*{shard.name}' has \d+ bytes"):
        first(opened(dataset, STREAMING.model_copy(update={"workers": workers})), 1)


def test_a_process_that_exits_with_a_running_loader_ends_its_workers(dataset: str) -> None:
    code = """
import sys
from shards import Dataset
from tasks.trainer.batches import open_data
from tasks.trainer.config import DataConfig
data = open_data(DataConfig(mode="streaming", workers=2), Dataset.open(sys.argv[1]), batch_size=8, seed=5)
sys.kept = data.batches(0)
print(len(next(sys.kept)[0]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, dataset], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "8\n", "")


def test_auto_counts_the_copies_of_all_ranks(dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened(dataset, DataConfig()).mode == "resident"
    size, free = Dataset.open(dataset).open_split("train").images.nbytes, psutil.virtual_memory().available
    monkeypatch.setattr(shards.reading.resident, "_MEMORY_SHARE", 3 * size / free)
    assert opened(dataset, DataConfig()).mode == "resident"
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert opened(dataset, DataConfig()).mode == "streaming"


def test_one_rank_short_of_memory_makes_all_stream(dataset: str) -> None:
    data = open_data(DataConfig(), Dataset.open(dataset), batch_size=8, seed=0, agree=lambda _flag: True)
    assert data.mode == "streaming"


def test_the_runs_name_tells_what_changes_the_result_and_nothing_else(dataset: str) -> None:
    plain = plan_run(dataset, TRAIN).run
    assert plan_run(dataset, TRAIN, DataConfig(workers=3, prefetch=5)).run == plain
    streamed = plan_run(dataset, TRAIN, DataConfig(mode="streaming")).run
    assert streamed != plain
    assert plan_run(dataset, TRAIN, DataConfig(mode="streaming", shuffle_buffer=9)).run != streamed
    resident = [plan_run(dataset, TRAIN, DataConfig(mode="resident", shuffle_buffer=size)).run for size in (9, 99)]
    assert resident[0] == resident[1] != plain


def test_a_run_takes_new_workers_but_no_new_order(dataset: str, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.create(plan_run(dataset, TRAIN, STREAMING))
    run.create(plan_run(dataset, TRAIN, STREAMING.model_copy(update={"workers": 3})))
    assert run.config().data.workers == 3
    with pytest.raises(RequestError, match="other settings"):
        run.create(plan_run(dataset, TRAIN, DataConfig(mode="resident")))


def make_run(path: Path, dataset: str, data: DataConfig = STREAMING, train: TrainConfig = TRAIN) -> RunDirectory:
    run = RunDirectory(path)
    # The name does not matter to a trainer; the content must be the same for both.
    run.create(plan_run(dataset, train, data))
    return run


def wait_for_ticks(run: RunDirectory, count: int, trainer: Trainer) -> None:
    deadline = time.monotonic() + 60
    while len(run.read_stats()) < count:
        assert trainer.poll() is None, run.log.read_text()
        assert time.monotonic() < deadline
        select.select([], [], [], 0.005)


def wait_until_gone(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + 20
    while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes):
        assert time.monotonic() < deadline
        select.select([], [], [], 0.01)


def weights(run: RunDirectory) -> dict[str, torch.Tensor]:
    checkpoint = CheckpointStore(run.checkpoints).load_latest()
    assert checkpoint is not None
    assert checkpoint.nimg == TRAIN.nimg
    return checkpoint.tensors


def test_a_streaming_training_killed_half_way_ends_in_the_same_bits_and_leaves_no_worker(
    dataset: str, tmp_path: Path
) -> None:
    whole = make_run(tmp_path / "whole", dataset)
    killed = make_run(tmp_path / "killed", dataset, STREAMING.model_copy(update={"workers": 1}))
    assert Trainer(whole).wait(120) == 0, whole.log.read_text()
    assert whole.read_stats()[-1]["loader_decode_seconds"] > 0
    trainer = Trainer(killed)
    wait_for_ticks(killed, 5, trainer)
    workers = psutil.Process(trainer.pid).children()
    assert workers
    trainer.kill()
    trainer.wait()
    wait_until_gone(workers)
    assert Trainer(killed).wait(120) == 0, killed.log.read_text()
    ours, theirs = weights(whole), weights(killed)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_group_told_to_stop_checkpoints_and_leaves_no_worker(dataset: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", dataset, train=TRAIN.model_copy(update={"nimg": 10_000_000}))
    trainer = Trainer(run)
    wait_for_ticks(run, 1, trainer)
    workers = psutil.Process(trainer.pid).children()
    assert len(workers) == 2
    os.killpg(trainer.pid, signal.SIGTERM)
    assert trainer.wait(20) == 0, run.log.read_text()
    status = run.status()
    assert status is not None
    assert status.state == "resumable"
    assert "Error" not in run.log.read_text()
    wait_until_gone(workers)


def test_what_auto_came_to_stays_for_the_run(dataset: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", dataset, DataConfig(), TRAIN.model_copy(update={"nimg": 80}))
    assert Trainer(run).wait(60) == 0, run.log.read_text()
    assert json.loads((run.path / "data.json").read_text()) == {"mode": "resident"}
    assert run.data_config().mode == "resident"
