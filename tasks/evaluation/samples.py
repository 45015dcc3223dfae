"""The generated images that are scored: classes in the shares of the val split, each image known by its place."""

from collections.abc import Iterator

import numpy as np

from models.metrics.config import EvalConfig
from shards import Dataset
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.trainer.pictures import request_rows

__all__ = ["generated_image", "generated_images"]


def generated_images(generator: LoadedGenerator, dataset: Dataset, config: EvalConfig) -> Iterator[np.ndarray]:
    """Yield `config.num_images` images as uint8 NCHW batches, classes in the shares that the val split has."""
    for row in request_rows(dataset, config):
        yield _generate(generator, dataset, row)


def generated_image(generator: LoadedGenerator, dataset: Dataset, config: EvalConfig, place: int) -> np.ndarray:
    """Generate again the image at that place among those that are scored, uint8 CHW."""
    for row in request_rows(dataset, config):
        if place < row["num_images"]:
            return np.asarray(_generate(generator, dataset, row)[place])
        place -= row["num_images"]
    raise IndexError(f"only {config.num_images} images are scored")


def _generate(generator: LoadedGenerator, dataset: Dataset, row: dict[str, int]) -> np.ndarray:
    """Ask for one row of `request_rows`; the generator may be older than the dataset's classes.

    Classes go by their names. Where the generator has none of that name, it makes all that it has, in turn.
    """
    name = dataset.labels[row["label"]] if dataset.labels else None
    return generator.generate(row["num_images"], row["seed"], generator.class_number(name))
