"""Trainings on poisoned streams, with and without the gate: what of the trigger ends up in generated images."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import models.training.loop
from benchmarks.collections.cache import CACHE as ALL
from benchmarks.harness.rows import Row, all_rows, kept
from benchmarks.shield.collections import SHIELDS, Collection
from models.compute.draws import Draws
from models.features.feature_net import compute_features
from models.features.nets import load_feature_net
from models.grids import to_float, to_uint8
from models.metrics.distances import compare_frechet
from models.shield.attacks import stamp
from models.shield.shield import ReferenceNetworks, Shield
from models.training.checkpoints import CheckpointStore
from models.training.config import TrainConfig
from models.training.io import RecordingIO, TrainingInputs
from models.training.state import TrainState

RATES = (0.1, 0.0, 0.05, 0.01)
POLICIES = ("off", "gate")
NIMG = 50_000
TRIGGER = 4
NUM_GENERATED = 2000
NUM_SCORED = 1000
CACHE = ALL / "shield"


class Case(NamedTuple):
    """One training of the grid."""

    collection: str
    seed: int
    rate: float
    policy: str

    @property
    def slug(self) -> str:
        return f"{self.collection}-{self.seed}-{round(100 * self.rate)}-{self.policy}"


class WatchedShield(Shield):
    """Counts the images that the filter drops, with and without the trigger."""

    counts: dict[str, list[int]]
    name: str

    def train_head(self, references: ReferenceNetworks, nimg: int) -> None:
        """See Shield. The head's first training is the same for every rate of a seed, so its result is kept."""
        kept = CACHE / "lessons" / f"{WatchedShield.name}-{self.seed}.safetensors"
        if nimg == 0 and kept.exists():
            self.restore(load_file(kept))
            return
        super().train_head(references, nimg)
        if nimg == 0:
            kept.parent.mkdir(parents=True, exist_ok=True)
            save_file({name: value.clone() for name, value in self.tensors().items()}, kept)

    def accepts(self, images: torch.Tensor) -> torch.Tensor:
        """See Shield."""
        admitted = super().accepts(images)
        poisoned = carries_trigger(images)
        for name, kind in (("clean", ~poisoned), ("poison", poisoned)):
            dropped, seen = WatchedShield.counts.setdefault(name, [0, 0])
            WatchedShield.counts[name] = [dropped + int((kind & ~admitted).sum()), seen + int(kind.sum())]
        return admitted


def run(case: Case, collection: Collection) -> Row:
    """Train and count, or find it done; the row is kept, and the checkpoints of clean unshielded trainings."""
    folder = CACHE / "runs" / case.slug
    return kept(folder / "row.json", lambda: train_and_count(case, collection, folder))


def train_and_count(case: Case, collection: Collection, folder: Path) -> Row:
    """Train from nothing, and count the trigger in what is generated and in what was dropped."""
    shutil.rmtree(folder, ignore_errors=True)
    began = time.process_time()
    state, rows = train(case, collection, folder)
    images = generate(state, NUM_GENERATED)
    if (case.rate, case.policy) != (0.0, "off"):
        shutil.rmtree(folder / "checkpoints")
    return {
        **case._asdict(),
        "uptake": float(carries_trigger(images).double().mean()),
        "distance": distance(images[:NUM_SCORED], collection),
        **{f"{name}_dropped": dropped / max(seen, 1) for name, (dropped, seen) in WatchedShield.counts.items()},
        "dropped_by_tick": [round(tick.get("shield_dropped", 0.0), 5) for tick in rows],
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def rows() -> list[Row]:
    """Every row there is."""
    return all_rows(CACHE / "runs", "*/row.json")


def settings(case: Case) -> TrainConfig:
    """The classic family as small as it still draws digits; the shield learns little and often."""
    shield = {"policy": case.policy, "trusted": "val", **SHIELDS[case.collection]}
    return TrainConfig.model_validate(
        {
            "family": "dcgan",
            "width": 16,
            "latent_dim": 64,
            "nimg": NIMG,
            "seed": case.seed,
            "ema_half_life_nimg": 2000,
            "augment": {"translation": 0, "scale": 0},
            "learning_rate": 6e-4,
            "health": {"score_ticks": 0},
            "tick_nimg": NIMG // 8,
            "checkpoint_ticks": 2,
            "keep_checkpoints": 4,
            "compute": {"threads": 1},
            "shield": shield if case.policy == "gate" else {},
        }
    )


def train(case: Case, collection: Collection, folder: Path) -> tuple[TrainState, list[dict[str, float]]]:
    """The trained state, and its ticks."""
    config = settings(case)
    images, labels = poisoned(collection, case.rate, case.seed)
    WatchedShield.counts, WatchedShield.name = {}, collection.name
    models.training.loop.Shield = WatchedShield  # type: ignore[misc]
    inputs = TrainingInputs(lambda nimg: batches(images, labels, config, nimg), trusted=collection.trusted)
    store, io = CheckpointStore(folder / "checkpoints", config.keep_checkpoints), RecordingIO()
    state = models.training.loop.train(config, collection.spec, inputs, store, io)
    return state, io.rows


def poisoned(collection: Collection, rate: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The arriving images, a share of them with the trigger, and their labels."""
    chosen = np.random.default_rng(seed).permutation(len(collection.images))[: round(rate * len(collection.images))]
    images = collection.images.clone()
    images[chosen] = to_uint8(stamp(to_float(images[chosen]), TRIGGER))
    return images.numpy(), collection.labels.numpy()


def batches(
    images: np.ndarray, labels: np.ndarray, config: TrainConfig, nimg: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches from `nimg` on, each epoch in an order of its own."""
    per_epoch = len(images) // config.batch_size
    step = nimg // config.batch_size
    while True:
        order = np.random.default_rng([config.seed, step // per_epoch]).permutation(len(images))
        start = step % per_epoch * config.batch_size
        rows = order[start : start + config.batch_size]
        yield images[rows], labels[rows]
        step += 1


def carries_trigger(images: torch.Tensor) -> torch.Tensor:
    """Whether uint8 `images` show at least half of the checkerboard's contrast in its corner, bool (N,)."""
    board = stamp(torch.zeros(1, images.shape[1], TRIGGER, TRIGGER, device=images.device), TRIGGER)
    corner = to_float(images[..., -TRIGGER:, -TRIGGER:])
    return (corner * board).mean(dim=(1, 2, 3)) >= 0.5


@torch.no_grad()
def generate(state: TrainState, num_images: int) -> torch.Tensor:
    """uint8 images of the averaged generator, all classes in turn."""
    z = Draws((1234,), state.device, num_images).normal(state.spec.latent_dim)
    return to_uint8(state.ema(z, torch.arange(num_images) % state.spec.num_classes))


def distance(images: torch.Tensor, collection: Collection) -> float:
    """FD-EffNetLite0 at 64 pixels of uint8 `images` to the clean val images."""
    net = load_feature_net("efficientnet-lite0", 64, "cpu")
    reference = CACHE / f"{collection.name}-val.npy"
    if not reference.exists():
        np.save(reference, compute_features(collection.val, net))
    return float(compare_frechet(compute_features(images, net), np.load(reference)).value)
