"""Scores of both judges for degraded sets of real images, and for generators at checkpoints of short trainings."""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.collections.cache import CACHE
from benchmarks.harness.rows import Row, kept
from benchmarks.harness.scoring import generated
from benchmarks.harness.training import network, train_one
from benchmarks.judges.degradations import ALTERED, SELECTED, alter, select, steps
from models.features.cache import reference_features
from models.features.feature_net import FeatureNet
from models.features.nets import load_feature_net
from models.metrics.diversity import measure_diversity
from models.metrics.judges import LABELS
from models.metrics.scores import score_features
from models.training.checkpoints import CheckpointStore, load_checkpoint
from models.training.config import TrainConfig
from shards import Dataset

INPUT_SIZE = 112
COUNT = 400  # images of each set
POOL = 1500  # train images that sets are selected from
FOLDER = CACHE / "judges"
ROWS = "rows.json"  # the scores of a training's checkpoints
# Images seen. Four checkpoints of each training are scored.
LENGTHS = {"dcgan": 12000, "vae": 4000, "r3": 1000}


class Reference(NamedTuple):
    """The val split under one judge."""

    dataset: Dataset
    net: FeatureNet
    features: np.ndarray

    @classmethod
    def of(cls, dataset: Dataset, judge: str) -> "Reference":
        """Load the judge, and its features of the val split."""
        net = load_feature_net(judge, INPUT_SIZE, "cpu")
        return cls(dataset, net, features("val", lambda: dataset.open_split("val").images, dataset, net))

    def scores(self, found: np.ndarray) -> dict[str, float]:
        """All scores of these features, the distances as FD and KD, and their diversity."""
        scores = score_features(found, self.features, self.net.label, 0).scores
        values = {name.replace(f"-{self.net.label}", ""): score.value for name, score in scores.items()}
        diversity = measure_diversity(found, self.features)
        return values | {"diversity": diversity.overall if diversity else 1.0}


def features(name: str, images: Callable[[], np.ndarray], dataset: Dataset, net: FeatureNet) -> np.ndarray:
    """Features that are computed once."""

    def batches() -> Iterator[np.ndarray]:
        yield images()

    return reference_features(batches(), net, CACHE / "features", f"judges {dataset.manifest.version} {name}")


def first(batches: Iterator[torch.Tensor]) -> np.ndarray:
    """The first COUNT images; no more batches are made than these need."""
    found: list[torch.Tensor] = []
    while sum(map(len, found)) < COUNT:
        found.append(next(batches))
    return torch.cat(found)[:COUNT].numpy()


def degraded(dataset: Dataset) -> list[Row]:
    """One row for each set of real images, with the scores of each judge."""
    references = {judge: Reference.of(dataset, judge) for judge in LABELS}
    split = dataset.open_split("train")
    places = np.sort(np.random.default_rng(0).choice(len(split.images), POOL, replace=False))
    pool, labels = split.images[places], split.labels[places]
    # The first ones in a random order, so that the untouched images are of all classes.
    order = np.random.default_rng(1).permutation(POOL)[:COUNT]
    about = {"collection": dataset.manifest.dataset}

    def row(kind: str, value: float, step: int, found: dict[str, np.ndarray]) -> Row:
        path = FOLDER / f"{dataset.manifest.version}-{kind}-{step}.json".replace(" ", "-")
        scores = lambda: {judge: references[judge].scores(found[judge]) for judge in LABELS}  # noqa: E731
        return kept(path, lambda: about | {"kind": kind, "value": value, "step": step, "scores": scores()})

    whole = {judge: features(f"pool {POOL}", lambda: pool, dataset, one.net) for judge, one in references.items()}
    rows = [row("none", 0, 0, {judge: found[order] for judge, found in whole.items()})]
    for step in steps(SELECTED):
        chosen = select(labels, COUNT, step)
        rows.append(row(*step, {judge: found[chosen] for judge, found in whole.items()}))
    for step in steps(ALTERED):
        name = f"{step.kind} {step.value} {COUNT} of {POOL}"
        altered = {
            judge: features(name, lambda step=step: alter(pool[order], step), dataset, one.net)  # type: ignore[misc]
            for judge, one in references.items()
        }
        rows.append(row(*step, altered))
        print(rows[-1], flush=True)
    return rows


def generators(dataset: Dataset, families: list[str], seeds: int, only_kept: bool) -> list[Row]:
    """One row for each checkpoint of short trainings of each family, as many as there are seeds.

    With `only_kept`, trainings that have not been measured yet are left out.
    """
    references = {judge: Reference.of(dataset, judge) for judge in LABELS}
    rows: list[Row] = []
    for family, seed in product(families, range(seeds)):
        folder = FOLDER / f"{dataset.manifest.dataset}-{family}-{LENGTHS[family]}-{seed}"
        if only_kept and not (folder / ROWS).exists():
            print(f"left out: {folder.name} has not been measured", flush=True)
            continue
        rows += kept_training(dataset, family, seed, folder, references)["checkpoints"]
    return rows


def kept_training(dataset: Dataset, family: str, seed: int, folder: Path, references: dict[str, Reference]) -> Row:
    """Train a family, or go on with it, and score its checkpoints."""
    return kept(folder / ROWS, lambda: {"checkpoints": list(trained(dataset, family, seed, folder, references))})


def trained(
    dataset: Dataset, family: str, seed: int, folder: Path, references: dict[str, Reference]
) -> Iterator[dict[str, Any]]:
    """The scores of each checkpoint."""
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    nimg = LENGTHS[family]
    given: dict[str, Any] = {
        "family": family,
        "seed": seed,
        "nimg": nimg,
        "tick_nimg": nimg // 4,
        "checkpoint_ticks": 1,
        "keep_checkpoints": 4,
        "health": {"score_ticks": 0},
        "compute": {"threads": 1},
    }
    config = TrainConfig.model_validate(given | ({"preset": "r3-tiny"} if family == "r3" else {}))
    spec = network(config, dataset)
    train_one(config, spec, dataset, folder)
    labels = dataset.open_split("val").labels
    for path in CheckpointStore(folder / "checkpoints").committed():
        checkpoint = load_checkpoint(path)
        generator = spec.build_networks()["generator"]
        generator.load_state_dict(checkpoint.part("ema"))
        images = first(generated(generator.eval(), labels, 0))
        key = f"{family} {nimg} {seed} {checkpoint.nimg} {COUNT}"
        scores = {
            judge: one.scores(features(key, lambda images=images: images, dataset, one.net))  # type: ignore[misc]
            for judge, one in references.items()
        }
        about = {"collection": dataset.manifest.dataset, "family": family, "seed": seed, "nimg": checkpoint.nimg}
        yield about | {"scores": scores}
