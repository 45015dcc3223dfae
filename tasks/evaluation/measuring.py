"""The scores of a registered version under both judges. Each image is generated, or decoded, only once.

The generated images have the classes in the shares of the val split, and each image has a fixed position.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from mlflow.entities.model_registry import ModelVersion

from models.features.cache import reference_features
from models.features.feature_net import Array, FeatureNet, Progress
from models.metrics.config import EvalConfig
from models.metrics.evaluation import Evaluation, Judge, evaluate
from models.metrics.protocol import Protocol
from models.metrics.scores import Classes
from shards import Dataset
from tasks.evaluation.feature_nets import find_feature_net, find_second_net
from tasks.flow_runs.progress import ProgressReport
from tasks.home import home
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.trainer.pictures import (
    SPLIT,
    TRAIN,
    count_reference,
    real_images,
    real_labels,
    reference_key,
    request_rows,
    train_images,
)


class Nets(NamedTuple):
    """The feature nets of an evaluation: of the first judge, and of the second one if there is one."""

    first: FeatureNet
    second: FeatureNet | None

    @classmethod
    def of(cls, config: EvalConfig, dataset: Dataset) -> "Nets":
        """Load the nets that `config` names. Raises RequestError if that is impossible."""
        return cls(find_feature_net(config, dataset), find_second_net(config))

    def protocol(self, dataset: Dataset, config: EvalConfig) -> Protocol:
        """Return the protocol of scoring a generator against the val split of `dataset`."""
        manifest = dataset.manifest
        return Protocol.of(
            config,
            self.first,
            second=self.second,
            dataset=manifest.dataset,
            dataset_version=manifest.version,
            num_reference=count_reference(dataset, config),
            num_train=min(config.num_train, manifest.num_samples(TRAIN)),
            split=SPLIT,
        )


def measure(version: ModelVersion, dataset: Dataset, config: EvalConfig, nets: Nets, protocol: Protocol) -> Evaluation:
    """Score `config.num_images` images of the version against the val split."""
    judges = 2 if nets.second else 1
    num_val, num_train = protocol.num_reference * judges, protocol.num_train * judges
    with ProgressReport(
        "scoring", f"Scoring {version.name} version {version.version}", num_val + num_train + config.num_images
    ) as progress:

        def count_from(start: int, what: str) -> Progress:
            return lambda done, _: progress.update(start + done, what)

        val = decoded_once(dataset, config)
        first = val_features(dataset, config, nets.first, val, count_from(0, "real images"))
        second = None
        if nets.second:
            seen = count_from(protocol.num_reference, "real images, second judge")
            reference = val_features(dataset, config, nets.second, val, seen)
            seen = count_from(num_val + protocol.num_train, "training images, second judge")
            second = Judge(nets.second, reference, train_features(dataset, config, nets.second, seen))
        train = train_features(dataset, config, nets.first, count_from(num_val, "training images"))
        model = LoadedGenerator.load(version)
        progress.conclude(f"Scored {version.name} version {version.version}, {config.num_images:,} images,")
        return evaluate(
            generated_images(model, dataset, config),
            first,
            config,
            nets.first,
            protocol,
            count_from(num_val + num_train, "generated images"),
            train=train,
            classes=_classes(model, dataset, config),
            second=second,
        )


def decoded_once(dataset: Dataset, config: EvalConfig) -> Callable[[], Iterator[np.ndarray]]:
    """Return a function that gives the real images at each call. They are decoded at the first use only."""

    @cache
    def decoded() -> list[np.ndarray]:
        return list(real_images(dataset, count_reference(dataset, config)))

    def images() -> Iterator[np.ndarray]:
        yield from decoded()

    return images


def val_features(
    dataset: Dataset,
    config: EvalConfig,
    net: FeatureNet,
    images: Callable[[], Iterator[np.ndarray]],
    progress: Progress | None = None,
) -> Array:
    """Return the features of the real images, from the cache if it has them. Else `images` is called."""
    return reference_features(
        images(), net, home().features, reference_key(dataset, config), config.batch_size, progress
    )


def train_features(dataset: Dataset, config: EvalConfig, net: FeatureNet, progress: Progress | None = None) -> Array:
    """Return the features of the training images that generated ones are compared with, from the cache if possible."""
    manifest = dataset.manifest
    chosen = min(config.num_train, manifest.num_samples(TRAIN))
    key = f"{manifest.dataset} {manifest.version} {TRAIN} {chosen} seed {config.seed}"
    return reference_features(train_images(dataset, config), net, home().features, key, config.batch_size, progress)


def _classes(model: LoadedGenerator, dataset: Dataset, config: EvalConfig) -> Classes | None:
    """Return the class of each image, or None if there are no classes or the model cannot generate a given class."""
    if not dataset.labels or not model.makes(dataset.labels):
        return None
    rows = request_rows(dataset, config)
    generated = np.repeat([row["label"] for row in rows], [row["num_images"] for row in rows])
    return Classes(dataset.labels, generated, real_labels(dataset, config))


def generated_images(generator: LoadedGenerator, dataset: Dataset, config: EvalConfig) -> Iterator[np.ndarray]:
    """Yield `config.num_images` images as uint8 NCHW batches. The classes have the same shares as in the val split."""
    for row in request_rows(dataset, config):
        yield _generate(generator, dataset, row)


def generated_image(generator: LoadedGenerator, dataset: Dataset, config: EvalConfig, place: int) -> np.ndarray:
    """Generate the scored image at the position `place` again, as uint8 CHW."""
    for row in request_rows(dataset, config):
        if place < row["num_images"]:
            return np.asarray(_generate(generator, dataset, row)[place])
        place -= row["num_images"]
    raise IndexError(f"only {config.num_images} images are scored")


def _generate(generator: LoadedGenerator, dataset: Dataset, row: dict[str, int]) -> np.ndarray:
    """Generate one row of `request_rows`. The generator may be older than the dataset's classes.

    Classes are matched by name. If the generator has no class of this name, it generates all its classes in turn.
    """
    name = dataset.labels[row["label"]] if dataset.labels else None
    return generator.generate(row["num_images"], row["seed"], generator.class_number(name))
