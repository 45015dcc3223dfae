"""One training of the comparison, its scores at checkpoints, and the time that each way takes."""

import statistics
import time
from pathlib import Path

import torch

from benchmarks.collections.cache import CACHE
from benchmarks.harness.rows import Row, kept
from benchmarks.harness.scoring import score_checkpoint
from benchmarks.harness.training import network, train_one
from benchmarks.penalties.arms import WAYS, Arm
from models.compute.parallel import World
from models.metrics.config import EvalConfig
from models.training.checkpoints import CheckpointStore
from models.training.loop import make_state
from models.training.steps import take_step
from shards import Dataset

# Judge 2, whose features no training uses (benchmarks/results/judges.md).
PROTOCOL = EvalConfig(num_images=1000, input_size=112, feature_net="mobilenetv2", second_net="none")
FOLDER = CACHE / "penalties"
ROUNDS = 6
STEPS = 4  # of one measurement: a cycle of the lazy penalties


def train_arm(arm: Arm, dataset: Dataset, nimg: int) -> None:
    """Train up to `nimg` images, or go on from the newest checkpoint."""
    folder = FOLDER / arm.slug
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    checkpoints = CheckpointStore(folder / "checkpoints").committed()
    if not checkpoints or images_seen(checkpoints[-1]) < nimg:
        config = arm.config(nimg)
        train_one(config, network(config, dataset), dataset, folder)


def score_arm(arm: Arm, dataset: Dataset, nimg: int) -> Row | None:
    """The scores of the checkpoint at `nimg` images, or None if the training has not come so far."""
    spec = network(arm.config(nimg), dataset)
    for path in CheckpointStore(FOLDER / arm.slug / "checkpoints").committed():
        if images_seen(path) == nimg:
            return kept(
                FOLDER / arm.slug / f"scores-{nimg}.json",
                lambda path=path: score_checkpoint(path, spec, dataset, PROTOCOL),  # type: ignore[misc]
            )
    return None


def images_seen(checkpoint: Path) -> int:
    """The number of images in the name of a checkpoint."""
    return int(checkpoint.name)


def measure_cost(collection: str, dataset: Dataset) -> Row:
    """CPU milliseconds per image of each way, measured once and kept."""
    return kept(FOLDER / f"cost-{collection}.json", lambda: take_turns(collection, dataset))


def take_turns(collection: str, dataset: Dataset) -> Row:
    """Each way takes some steps in turn, so that a busy machine is as busy for all. The median of the rounds counts."""
    cpu, split = torch.device("cpu"), dataset.open_split("train")
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    trainings = {}
    for way in WAYS:
        config = Arm(collection, way, 0).config(1000)
        trainings[way] = (make_state(config, network(config, dataset), cpu, World()), config)
    for number in range(ROUNDS + 1):  # the first round is not counted
        for way, (state, config) in trainings.items():
            batches = split.batches(config.batch_size, seed=0, start_nimg=state.nimg)
            drawn = [[torch.as_tensor(part) for part in next(batches)] for _ in range(STEPS)]
            began = time.process_time()
            for images, labels in drawn:
                take_step(state, config, images, labels, World())
                state.nimg += config.batch_size
            if number:
                found[way].append(1e3 * (time.process_time() - began) / (STEPS * config.batch_size))
    return {way: statistics.median(values) for way, values in found.items()}
