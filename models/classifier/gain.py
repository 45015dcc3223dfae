"""The classifier gain: how much generated images help as training data, measured on real images.

A classifier is trained on real images, on generated ones, and on both, always with the same number of images seen. This
is done with all real images, and with a small part of them. Each classifier is tested on real images that were not used
for training: unchanged, under a shift (strong JPEG compression) and under an attack (PGD, Madry et al. 2018). Training
on generated images alone and testing on real ones is Ravuri & Vinyals 2019, "Classification Accuracy Score".
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from models import Settings
from models.classifier.classifier import LabelledImages, train_classifier
from models.classifier.config import GainConfig
from models.classifier.hard_examples import attack, classify, compress
from models.errors import EvaluationError

Array = npt.NDArray[Any]
Interval = tuple[float, float]
Z = 1.96
REAL, GENERATED, BOTH = "real", "generated", "real + generated"
TESTS = ("clean", "jpeg", "attack")


class GainRow(Settings):
    """Accuracy of one kind of training in one test. The 95% interval is over other images and other seeds."""

    num_real: int
    trained_on: str
    test: str
    accuracy: float
    interval: Interval


class GainTable(Settings):
    """All rows, and `gains`: the accuracy that generated images add to real ones, by "num_real test"."""

    config: GainConfig
    dataset: str = ""  # name@version of the real images
    num_generated: int
    num_val: int
    rows: list[GainRow]
    gains: dict[str, tuple[float, float, float]]  # gain, and the ends of its interval

    @property
    def small_gain(self) -> tuple[float, float, float]:
        """The gain in the clean test, with the small part of the real images: value, and ends of its interval."""
        return self.gains[f"{min(row.num_real for row in self.rows if row.num_real)} {TESTS[0]}"]


class Kind(NamedTuple):
    """One kind of training: the number of real images, its name, and its images."""

    num_real: int
    trained_on: str
    sources: list[LabelledImages]


def measure_gain(
    real: LabelledImages,
    generated: LabelledImages,
    val: LabelledImages,
    num_classes: int,
    config: GainConfig,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> GainTable:
    """Train and test all kinds. Images are uint8 NCHW; `val` is real, and neither used here nor for the generator.

    The generator was trained on all of `real`. So with the small part, generated images also carry information from
    the rest. `progress` receives the number of classifiers done and their total. Raises EvaluationError where there are
    too few images.
    """
    if len(val.labels) < 2:
        raise EvaluationError(f"there are {len(val.labels)} images to test on; at least two are needed")
    kinds = list(_kinds(real, generated, config))
    shifted = LabelledImages(compress(val.images, config.jpeg_quality), val.labels)
    correct: dict[tuple[int, str, str], list[Array]] = {}
    for index, kind in enumerate(kinds):
        for seed in range(config.num_seeds):
            budget = config.classifier.model_copy(update={"seed": config.classifier.seed + seed})
            net = train_classifier(kind.sources, num_classes, budget, device)
            hit = {
                "clean": classify(net, val, device),
                "jpeg": classify(net, shifted, device),
                "attack": attack(net, val, config.attack, device),
            }
            for test, hits in hit.items():
                correct.setdefault((kind.num_real, kind.trained_on, test), []).append(hits)
            if progress is not None:
                progress(index * config.num_seeds + seed + 1, len(kinds) * config.num_seeds)
    tables = {key: np.stack(hits).astype(np.float64) for key, hits in correct.items()}
    return GainTable(
        config=config,
        num_generated=len(generated.labels),
        num_val=len(val.labels),
        rows=[_row(key, table) for key, table in tables.items()],
        gains=_gains(tables),
    )


def _kinds(real: LabelledImages, generated: LabelledImages, config: GainConfig) -> Iterator[Kind]:
    yield Kind(0, GENERATED, [generated])
    for part in (real, small_part(real, config.small_share, config.classifier.seed)):
        yield Kind(len(part.labels), REAL, [part])
        yield Kind(len(part.labels), BOTH, [part, generated])


def small_part(images: LabelledImages, share: float, seed: int) -> LabelledImages:
    """A random part of the images: this share of each class, at least one image each."""
    rng = np.random.default_rng(seed)
    places = [np.flatnonzero(images.labels == label) for label in np.unique(images.labels)]
    chosen = [rng.choice(at, max(round(share * len(at)), 1), replace=False) for at in places]
    order = np.sort(np.concatenate(chosen))
    return LabelledImages(images.images[order], images.labels[order])


def _row(key: tuple[int, str, str], correct: Array) -> GainRow:
    value, low, high = estimate(correct)
    num_real, trained_on, test = key
    interval = (max(low, 0.0), min(high, 1.0))
    return GainRow(num_real=num_real, trained_on=trained_on, test=test, accuracy=value, interval=interval)


def _gains(tables: Mapping[tuple[int, str, str], Array]) -> dict[str, tuple[float, float, float]]:
    """Accuracy on both minus accuracy on real, paired by image and seed, so that shared variation cancels."""
    return {
        f"{num_real} {test}": estimate(table - tables[num_real, REAL, test])
        for (num_real, trained_on, test), table in tables.items()
        if trained_on == BOTH
    }


def estimate(values: Array) -> tuple[float, float, float]:
    """Mean of [seeds, images] and its 95% interval over other images and other seeds, as (mean, low, high).

    The variance is the variance over images (of their means over seeds) divided by the number of images, plus the
    variance over seeds divided by their number. The first contains a part of the second, so the interval is rather too
    wide. Where all images agree, it follows the rule of three, 3/n.
    """
    num_seeds, num_images = values.shape
    of_images = max(float(values.mean(axis=0).var(ddof=1)), (3 / Z) ** 2 / num_images) / num_images
    of_seeds = float(values.mean(axis=1).var(ddof=1)) / num_seeds if num_seeds > 1 else 0.0
    mean, half = float(values.mean()), Z * math.sqrt(of_images + of_seeds)
    return mean, mean - half, mean + half
