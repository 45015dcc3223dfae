"""The generated images that are scored: classes in the shares of the val split, each image has a fixed position."""

from collections.abc import Iterator

import numpy as np

from models.metrics.config import EvalConfig
from shards import Dataset
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.trainer.pictures import request_rows

__all__ = ["generated_image", "generated_images"]


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
