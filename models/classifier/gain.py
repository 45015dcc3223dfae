"""Does it help a classifier? What generated images are worth as training data, measured on real images.

The same classifier, with the same budget of images seen, is trained on real images, on generated ones, and on both;
with all real images, and with a small part of them. Every one is tested on real images that nothing was trained on: as
they are, under a shift (strong JPEG compression) and under an attack (PGD, Madry et al. 2018). Training on generated
images alone and testing on real ones is Ravuri & Vinyals 2019, "Classification Accuracy Score".
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from models import Settings
from models.classifier.classifier import ClassifierConfig, LabelledImages, train_classifier
from models.classifier.hard_examples import AttackConfig, attack, classify, compress
from models.errors import EvaluationError

Array = npt.NDArray[Any]
Interval = tuple[float, float]
Z = 1.96
REAL, GENERATED, BOTH = "real", "generated", "real + generated"
TESTS = ("clean", "jpeg", "attack")


class GainConfig(Settings):
    """How the worth of generated images is measured."""

    classifier: ClassifierConfig = ClassifierConfig()
    num_seeds: int = Field(3, ge=2, le=100, title="Seeds", description="classifiers trained of each kind")
    small_share: float = Field(
        0.1, gt=0, lt=1, title="Small part", description="share of the real images in the second half of the table"
    )
    jpeg_quality: int = Field(30, ge=1, le=95, title="JPEG quality", description="the shift that is tested under")
    attack: AttackConfig = AttackConfig()


class GainRow(Settings):
    """Accuracy of one kind of training under one test; the interval is 95% over other images and other seeds."""

    num_real: int
    trained_on: str
    test: str
    accuracy: float
    interval: Interval


class GainTable(Settings):
    """The whole table; `gains` is what generated images add to real ones, by "num_real test", in shares of accuracy."""

    config: GainConfig
    dataset: str = ""  # name@version of the real images
    num_generated: int
    num_val: int
    rows: list[GainRow]
    gains: dict[str, tuple[float, float, float]]  # gain, and the ends of its interval

    @property
    def small_gain(self) -> tuple[float, float, float]:
        """What generated images add beside the small part of the real ones, tested as they are."""
        return self.gains[f"{min(row.num_real for row in self.rows if row.num_real)} {TESTS[0]}"]


class Kind(NamedTuple):
    """One kind of training: the number of real images, what it is called, and the images."""

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
    """Train and test them all; images are uint8 NCHW, `val` is real and was seen neither here nor by the generator.

    The generator was trained on all of `real`, so with the small part of it generated images also carry what it
    learnt from the rest. `progress` is told classifiers done and those in all. Raises EvaluationError where there are
    too few images.
    """
    if len(val.labels) < 2:
        raise EvaluationError(f"there are {len(val.labels)} images to test on, two at least are needed")
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
    """Give that share of each class, one image at least, chosen by the seed."""
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
    """Both minus real, paired image by image and seed by seed: what they share does not blur the difference."""
    return {
        f"{num_real} {test}": estimate(table - tables[num_real, REAL, test])
        for (num_real, trained_on, test), table in tables.items()
        if trained_on == BOTH
    }


def estimate(values: Array) -> tuple[float, float, float]:
    """Mean of [seeds, images] and its 95% interval over other images and other seeds, as (mean, low, high).

    The variance is that over images of their mean over seeds, over their number, and that over seeds, over theirs; the
    first holds a part of the second, so the interval errs on the wide side. Where every image says the same it is the
    rule of three's, 3/n.
    """
    num_seeds, num_images = values.shape
    of_images = max(float(values.mean(axis=0).var(ddof=1)), (3 / Z) ** 2 / num_images) / num_images
    of_seeds = float(values.mean(axis=1).var(ddof=1)) / num_seeds if num_seeds > 1 else 0.0
    mean, half = float(values.mean()), Z * math.sqrt(of_images + of_seeds)
    return mean, mean - half, mean + half
