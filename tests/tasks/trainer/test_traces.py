"""Compression-robust training on a dataset: refused where it cannot be, resumed exactly by the real trainer."""

import json
import select
import signal
from pathlib import Path

import pytest
import torch

import shards
from models.compute.config import ComputeConfig
from models.errors import ConfigError
from models.training.checkpoints import CheckpointStore
from models.training.loop import TrainConfig
from tasks.trainer.run_directory import RunDirectory
from tasks.trainer.traces import training_codecs
from tasks.training.stage import plan_run
from tests.trainers import Trainer

KNOWN = TrainConfig(
    family="dcgan",
    nimg=400,
    batch_size=8,
    width=8,
    latent_dim=8,
    tick_nimg=80,
    checkpoint_ticks=2,
    compression="known",
    compute=ComputeConfig(threads=1, device="cpu"),
)


@pytest.fixture
def plain(home_dir: Path, collection: Path) -> str:
    """The collection, scaled and stored as PNG: nothing tells how its files were compressed."""
    config = shards.ShardConfig(source=str(collection), dataset="plain", resolution=16, encoding="png", workers=1)
    return shards.build(config, home_dir).manifest


def test_known_without_tables_is_refused_before_anything_starts(plain: str, home_dir: Path) -> None:
    with pytest.raises(ConfigError, match="no training image has JPEG tables"):
        plan_run("plain", KNOWN)
    assert not (home_dir / "runs").exists()


def test_what_the_shards_are_encoded_with_is_what_generated_images_go_through(dataset: str) -> None:
    codecs = training_codecs(KNOWN, shards.Dataset.open(dataset))
    assert codecs is not None
    assert (codecs.samplings.tolist(), codecs.counts.tolist()) == (
        [[1, 1]],
        [shards.Dataset.open(dataset).num_samples("train")],
    )
    assert codecs.tables[0, 0, 0].tolist() == [2, 1, 1, 2, 2, 4, 5, 6]  # libjpeg's first row at quality 95
    assert training_codecs(KNOWN.model_copy(update={"compression": "learned"}), shards.Dataset.open(dataset)) is None


def test_off_leaves_a_run_the_name_that_it_had(dataset: str) -> None:
    off = KNOWN.model_copy(update={"compression": "off"})
    assert '"compression"' not in off.identity()
    assert len({plan_run(dataset, KNOWN.model_copy(update={"compression": mode})).run for mode in MODES}) == len(MODES)


MODES = ("off", "known", "learned")


def test_a_trainer_that_was_told_to_stop_ends_in_the_same_bits(dataset: str, tmp_path: Path) -> None:
    whole, parts = (RunDirectory(tmp_path / name) for name in ("whole", "parts"))
    for run in (whole, parts):
        run.create(plan_run(dataset, KNOWN.model_copy(update={"compression": "learned"})))
    assert Trainer(whole).wait() == 0
    first = Trainer(parts)
    while not parts.stats.exists() and first.poll() is None:
        select.select([], [], [], 0.005)
    first.send_signal(signal.SIGTERM)
    first.wait()
    assert Trainer(parts).wait() == 0
    ours, theirs = (CheckpointStore(run.checkpoints).load_latest() for run in (whole, parts))
    assert ours
    assert theirs
    assert all(torch.equal(value, theirs.tensors[name]) for name, value in ours.tensors.items())
    last = json.loads(whole.stats.read_text().splitlines()[-1])
    assert 90 < last["compression_quality"] <= 100  # scaled, and stored at 95
