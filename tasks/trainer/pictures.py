"""The images that an evaluation looks at: real ones from the shards, and how many generated ones of each class."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from models.metrics.config import EvalConfig
from shards import Dataset

SPLIT = "val"
TRAIN = "train"
IMAGES_A_CALL = 500
IMAGES_A_BATCH = 256


def real_images(dataset: Dataset) -> Iterator[np.ndarray]:
    """The val split as one uint8 NCHW batch; nothing is read before the first is asked for."""
    yield dataset.open_split(SPLIT).images


def reference_key(dataset: Dataset) -> str:
    """What the val split's features are cached under: quick scores and evaluations share them."""
    return f"{dataset.manifest.dataset} {dataset.manifest.version} {SPLIT} {dataset.num_samples(SPLIT)}"


def train_images(dataset: Dataset, config: EvalConfig) -> Iterator[np.ndarray]:
    """The training images that memorisation is looked for among, as uint8 NCHW batches."""
    places = set(train_places(dataset, config))
    chosen = (sample for place, sample in enumerate(dataset.stream(TRAIN)) if place in places)
    while batch := [sample.decode() for sample in islice(chosen, IMAGES_A_BATCH)]:
        yield np.stack(batch)


def train_places(dataset: Dataset, config: EvalConfig) -> list[int]:
    """Which training images are looked at, by their places in the split: a choice that the seed makes."""
    total = dataset.num_samples(TRAIN)
    chosen = np.random.default_rng(config.seed).choice(total, min(config.num_train, total), replace=False)
    return sorted(chosen.tolist())


def pick_train(dataset: Dataset, places: set[int]) -> dict[int, np.ndarray]:
    """Training images by place, uint8 [1, C, H, W]; no others are decoded."""
    samples = enumerate(dataset.stream(TRAIN))
    return {place: sample.decode()[None] for place, sample in samples if place in places}


def request_rows(dataset: Dataset, config: EvalConfig) -> list[dict[str, int]]:
    """What to ask the model for: `config.num_images` in all, each row with a seed of its own."""
    counts = share_out(config.num_images, dataset.class_counts(SPLIT) or [1])
    labels = range(len(counts)) if dataset.labels else [-1]
    rows: list[dict[str, int]] = []
    for label, count in zip(labels, counts, strict=True):
        for start in range(0, count, IMAGES_A_CALL):
            seed = config.seed + len(rows)
            rows.append({"num_images": min(IMAGES_A_CALL, count - start), "seed": seed, "label": label})
    return rows


def share_out(total: int, weights: list[int]) -> list[int]:
    """`total` divided in proportion to `weights`, in whole numbers that add up to it (largest remainder)."""
    exact = np.array(weights) * total / sum(weights)
    counts = np.floor(exact).astype(int)
    for index in np.argsort(counts - exact, kind="stable")[: total - counts.sum()]:
        counts[index] += 1
    return [int(count) for count in counts]
