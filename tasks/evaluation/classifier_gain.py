"""How much a version's images help a classifier. It is measured on the training's dataset and kept as a tag."""

import logging
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from models.classifier.classifier import LabelledImages
from models.classifier.config import GainConfig
from models.classifier.gain import BOTH, GENERATED, REAL, TESTS, GainRow, GainTable, measure_gain
from shards import Dataset, Split
from tasks.errors import RequestError
from tasks.flow_runs.progress import ProgressReport
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.tracking.tags import VersionTags
from tasks.trainer.pictures import SPLIT, TRAIN

logger = logging.getLogger(__name__)


def measure_model_gain(
    model: LoadedGenerator,
    dataset: Dataset,
    config: GainConfig,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> GainTable:
    """Generate as many images of each class as the train split has, then train and test classifiers.

    Raises RequestError when the model does not make labelled images of this dataset's classes.
    """
    if len(dataset.labels) < 2 or not model.makes(dataset.labels):
        own = f"makes {model.labels}" if model.is_conditional else "is unconditional"
        raise RequestError(
            f"a classifier learns from labelled images. {dataset.name} has the classes {dataset.labels}, and the model "
            f"{own}: use a conditional model of this dataset, which needs at least two classes"
        )
    generated = labelled_images(model, dataset, config.classifier.seed)
    real, val = (_labelled(dataset.open_split(split)) for split in (TRAIN, SPLIT))
    table = measure_gain(real, generated, val, len(dataset.labels), config, device, progress)
    return table.model_copy(update={"dataset": dataset.name})


def labelled_images(model: LoadedGenerator, dataset: Dataset, seed: int) -> LabelledImages:
    """Generate as many images of each class as the train split has real ones."""
    counts = dataset.class_counts(TRAIN)
    images = [
        batch for label, count in enumerate(counts) for batch in model.generate_many(count, seed + 1000 * label, label)
    ]
    return LabelledImages(np.concatenate(images), np.repeat(np.arange(len(counts)), counts))


def _labelled(split: Split) -> LabelledImages:
    return LabelledImages(split.images, split.labels)


def score_gain(
    client: MlflowClient, version: ModelVersion, dataset: Dataset, config: GainConfig, device: str | torch.device
) -> GainTable | None:
    """Return the version's table for this config and dataset version. It is measured if the version has none yet.

    Returns None when the dataset has no classes, or the model does not make them.
    """
    stored = find_gain(version)
    if stored and (stored.config, stored.dataset) == (config, dataset.name):
        return stored
    model = LoadedGenerator.load(version)
    if len(dataset.labels) < 2 or not model.makes(dataset.labels):
        logger.warning(
            "%s version %s does not generate the classes of %s: no classifier gain is measured",
            *(version.name, version.version, dataset.name),
        )
        return None
    with ProgressReport("classifier-gain", f"Classifiers for {version.name} version {version.version}", 1) as progress:
        table = measure_model_gain(
            model,
            dataset,
            config,
            device,
            lambda done, total: progress.update(done, f"{done} of {total} classifiers", total),
        )
    keep_gain(client, version, table)
    return table


def keep_gain(client: MlflowClient, version: ModelVersion, table: GainTable) -> None:
    """Keep the table as a tag of the version, where the report reads it."""
    VersionTags(classifier_gain=table.model_dump_json()).write(client, version)


def find_gain(version: ModelVersion) -> GainTable | None:
    """Return the version's table, or None if it was not measured."""
    stored = VersionTags.of(version).classifier_gain
    return GainTable.model_validate_json(stored) if stored else None


class GainTexts(NamedTuple):
    """The table as text: names of the tests, rows of accuracies, rows of gains, and the method of measurement."""

    tests: list[str]
    accuracies: list[list[str]]
    gains: list[list[str]]
    about: str


def describe_gain(table: GainTable) -> GainTexts:
    """Write the table as text, accuracies in percent and gains in points."""
    attack, sizes = table.config.attack, sorted({row.num_real for row in table.rows} - {0}, reverse=True)
    found = {(row.num_real, row.trained_on, row.test): row for row in table.rows}
    kinds = [(0, GENERATED), *((size, kind) for size in sizes for kind in (REAL, BOTH))]
    return GainTexts(
        tests=["as they are", f"JPEG quality {table.config.jpeg_quality}", "PGD attack"],
        accuracies=[
            [f"{size:,}", kind, *(_accuracy(found[size, kind, test]) for test in TESTS)] for size, kind in kinds
        ],
        gains=[[f"{size:,}", *(_gain(table.gains[f"{size} {test}"]) for test in TESTS)] for size in sizes],
        about=f"Accuracy in percent on the {table.num_val:,} real images of the val split: as they are, and made "
        "harder. Neither the classifiers nor the generator were trained on them. Each classifier sees "
        f"{table.config.classifier.nimg:,} images; with two sources, each gives half of every batch. "
        f"{table.num_generated:,} generated images, mean of {table.config.num_seeds} seeds, 95% intervals over "
        f"images and seeds. The attack is on each classifier itself: L-infinity, radius {attack.epsilon:g}/255, "
        f"{attack.num_steps} steps of {attack.step_size:g}/255 from a random start (Madry et al. 2018). "
        "The generator was trained on the whole train split. Next to few real images, generated images therefore "
        "also contain what it learnt from the other real images.",
    )


def _accuracy(row: GainRow) -> str:
    return f"{100 * row.accuracy:.1f} ({100 * row.interval[0]:.1f} to {100 * row.interval[1]:.1f})"


def _gain(gain: tuple[float, float, float]) -> str:
    value, low, high = (f"{100 * number:+.1f}".replace("-", "−") for number in gain)
    return f"{value} ({low} to {high})"
