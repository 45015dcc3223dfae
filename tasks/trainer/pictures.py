"""The images that an evaluation uses: real images from the shards, and the number of generated images of each class."""

import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from models.metrics.config import EvalConfig
from shards import Dataset, Split
from shards.reading.early import EarlySplit
from tasks.home import home

SPLIT = "val"
TRAIN = "train"
IMAGES_A_CALL = 500
IMAGES_A_BATCH = 256
SOME = 256


class SomeImages(NamedTuple):
    """Real images uint8 NCHW, their labels, and the seconds that decoding one of them took."""

    images: np.ndarray
    labels: np.ndarray
    decode_seconds: float


def some_images(dataset: Dataset, split: str = TRAIN) -> SomeImages:
    """Decode the first images of a split, SOME at most, for trials of a training or an evaluation."""
    began = time.perf_counter()
    pairs = [(sample.decode(), sample.label) for sample in islice(dataset.stream(split), SOME)]
    seconds = (time.perf_counter() - began) / len(pairs)
    return SomeImages(np.stack([image for image, _ in pairs]), np.array([label for _, label in pairs]), seconds)


def count_reference(dataset: Dataset, config: EvalConfig) -> int:
    """Return the number of real images that generated ones are compared with."""
    return min(config.num_val, dataset.num_samples(SPLIT))


def real_images(dataset: Dataset, most: int | None = None) -> Iterator[np.ndarray]:
    """Yield the val split, or its first `most` images, as one uint8 NCHW batch.

    Nothing is read before the batch is requested.
    """
    yield (EarlyImages.take(dataset, most) or dataset.open_split(SPLIT, most)).images


def real_labels(dataset: Dataset, config: EvalConfig) -> np.ndarray:
    """Return the class of each real image that generated ones are compared with."""
    samples = islice(dataset.stream(SPLIT), count_reference(dataset, config))
    return np.array([sample.label for sample in samples])


class EarlyImages:
    """The val split of an evaluation, decoded while its command imports Prefect, MLflow and torch."""

    _started: ClassVar[EarlySplit | None] = None

    @classmethod
    def start(cls, manifest: str, config: EvalConfig) -> None:
        """Begin to decode, unless each feature net of `config` has seen these images before."""

        def decode() -> Split | None:
            dataset = Dataset.open(manifest)
            if _features_are_known(dataset, config, home().features):
                return None
            return dataset.open_split(SPLIT, count_reference(dataset, config))

        cls._started = EarlySplit(decode)

    @classmethod
    def take(cls, dataset: Dataset, most: int | None = None) -> Split | None:
        """Return the split once, if it is that of this version and has as many images as are wanted."""
        started, cls._started = cls._started, None
        found = started.find(dataset.manifest) if started else None
        total = dataset.num_samples(SPLIT)
        return found if found and len(found) == (total if most is None else min(most, total)) else None


def _features_are_known(dataset: Dataset, config: EvalConfig, folder: Path) -> bool:
    """Read the keys in the cache of models/features/cache.py, which cannot be imported without torch."""
    known = set()
    for path in folder.glob("features-*.safetensors"):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        content, net, _sha256, size, *_ = json.loads(header["__metadata__"]["key"])
        if content == reference_key(dataset, config) and config.input_size in (0, size):
            known.add(net)
    return {config.feature_net, config.second} - {""} <= known


def reference_key(dataset: Dataset, config: EvalConfig) -> str:
    """Return the cache key of the real images' features. Quick scores and evaluations share these features."""
    return f"{dataset.manifest.dataset} {dataset.manifest.version} {SPLIT} {count_reference(dataset, config)}"


def train_images(dataset: Dataset, config: EvalConfig) -> Iterator[np.ndarray]:
    """Yield the training images that the memorisation check compares with, as uint8 NCHW batches."""
    places = set(train_places(dataset, config))
    chosen = (sample for place, sample in enumerate(dataset.stream(TRAIN)) if place in places)
    while batch := [sample.decode() for sample in islice(chosen, IMAGES_A_BATCH)]:
        yield np.stack(batch)


def train_places(dataset: Dataset, config: EvalConfig) -> list[int]:
    """Choose the training images to compare with, by their positions in the split. The seed determines the choice."""
    total = dataset.num_samples(TRAIN)
    chosen = np.random.default_rng(config.seed).choice(total, min(config.num_train, total), replace=False)
    return sorted(chosen.tolist())


def pick_train(dataset: Dataset, places: set[int]) -> dict[int, np.ndarray]:
    """Yield the training images at these positions as uint8 [1, C, H, W]. No other images are decoded."""
    samples = enumerate(dataset.stream(TRAIN))
    return {place: sample.decode()[None] for place, sample in samples if place in places}


def request_rows(dataset: Dataset, config: EvalConfig) -> list[dict[str, int]]:
    """Return the requests to the model: `config.num_images` images in total. Each row has its own seed."""
    counts = share_out(config.num_images, dataset.class_counts(SPLIT) or [1])
    labels = range(len(counts)) if dataset.labels else [-1]
    rows: list[dict[str, int]] = []
    for label, count in zip(labels, counts, strict=True):
        for start in range(0, count, IMAGES_A_CALL):
            seed = config.seed + len(rows)
            rows.append({"num_images": min(IMAGES_A_CALL, count - start), "seed": seed, "label": label})
    return rows


def share_out(total: int, weights: list[int]) -> list[int]:
    """Divide `total` in proportion to `weights` into whole numbers that add up to it (largest remainder method)."""
    exact = np.array(weights) * total / sum(weights)
    counts = np.floor(exact).astype(int)
    for index in np.argsort(counts - exact, kind="stable")[: total - counts.sum()]:
        counts[index] += 1
    return [int(count) for count in counts]
