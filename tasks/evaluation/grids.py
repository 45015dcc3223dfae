"""Grids of a version's images: by class, with decreasing truncation, and interpolated between latents."""

from collections.abc import Sequence

import numpy as np
import torch

from models.grids import grid_labels, grid_png
from shards import Dataset
from tasks.registry.loaded_generator import ANY_CLASS, LoadedGenerator
from tasks.trainer.pictures import SPLIT, TRAIN

TRUNCATIONS = (1.0, 0.75, 0.5, 0.25, 0.0)
MAX_COLUMNS = 10
NUM_STEPS = 9
MAX_ROWS = 5


def class_grid(generator: LoadedGenerator, seed: int, classes: Sequence[int] = ()) -> bytes:
    """Return a marked PNG whose columns are classes, those in `classes` if given. Every cell has its own latents."""
    columns, _ = grid_labels(generator.num_classes, classes=classes)
    return generator.mark(grid_png(class_images(generator, seed, classes), columns), seed)


def class_images(generator: LoadedGenerator, seed: int, classes: Sequence[int] = ()) -> np.ndarray:
    """Return the images of `class_grid`, cell by cell, as uint8 (N, C, H, W)."""
    _, labels = grid_labels(generator.num_classes, classes=classes)
    return generator.generate_each(range(seed, seed + len(labels)), labels.tolist())


def shown_classes(dataset: Dataset, generator: LoadedGenerator) -> list[int]:
    """Return the class of each column of a grid: the first ones with images in both splits.

    A few classes have several columns each, because the grid would be much taller than wide. Empty if the generator
    does not make the classes of the dataset, for instance because the dataset has grown since.
    """
    if not generator.makes(dataset.labels):
        return []
    counts = zip(dataset.class_counts(TRAIN), dataset.class_counts(SPLIT), strict=True)
    classes = [number for number, pair in enumerate(counts) if all(pair)][:MAX_COLUMNS]
    repeats = max(MAX_COLUMNS // max(len(classes), 1), 1)
    return [number for number in classes for _ in range(repeats)]


def truncation_grid(generator: LoadedGenerator, seed: int) -> bytes:
    """Return a PNG with a row for each of TRUNCATIONS and the same latents in each column.

    It is empty if the model has no truncation.
    """
    if not generator.takes_truncation:
        return b""
    columns = min(generator.num_classes or MAX_COLUMNS, MAX_COLUMNS)
    labels = list(range(columns)) if generator.is_conditional else [ANY_CLASS] * columns
    seeds = range(seed, seed + columns)
    rows = [generator.generate_each(seeds, labels, truncation) for truncation in TRUNCATIONS]
    return generator.mark(grid_png(np.concatenate(rows), columns), seed)


def interpolation_grid(generator: LoadedGenerator, seed: int) -> bytes:
    """Return a PNG whose rows go from one latent to another in NUM_STEPS. If there are classes, each row has one class.

    The path is a great circle, because latents of N(0, I) lie near a sphere (Shoemake 1985; White 2016, "Sampling
    Generative Networks").
    """
    rows = min(generator.num_classes or MAX_ROWS, MAX_ROWS)
    ends = torch.randn(2, rows, generator.latent_dim, generator=torch.Generator().manual_seed(seed))
    z = torch.stack([slerp(ends[0], ends[1], share) for share in np.linspace(0, 1, NUM_STEPS)], dim=1).flatten(0, 1)
    labels = torch.arange(rows).repeat_interleave(NUM_STEPS) if generator.is_conditional else None
    return generator.mark(grid_png(generator.render(z, labels), NUM_STEPS), seed)


def slerp(start: torch.Tensor, end: torch.Tensor, share: float) -> torch.Tensor:
    """Return points (N, D) at the given fractions of the arcs from `start` to `end`. Parallel vectors give a line."""
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=1)[:, None]
    angle = torch.acos(cosine.clamp(-1, 1))
    arc = (torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / torch.sin(angle)
    return torch.where(torch.sin(angle) > 1e-4, arc, torch.lerp(start, end, share))
