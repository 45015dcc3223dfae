"""Computes named scores with intervals from features, and finds the generated images closest to training images.

In about 19 of 20 cases, an interval contains the score of another draw of equally many generated and real images. The
intervals of shares (precision, recall, coverage, memorised) and of density count each image once and treat the other
set as fixed, so they are a little too narrow. Those of distances include both sets (models/metrics/distances.py).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from models.features.feature_net import FID_NET
from models.metrics.distances import compare_frechet, kernel_distance
from models.metrics.neighbours import compare_manifolds, nearest

Array = npt.NDArray[Any]
Interval = tuple[float, float]

NUM_SUBSETS = 50
Z = 1.96  # two-sided 95% of the normal distribution
CLOSE_QUANTILE = 0.05  # of the distances of the val split: new real images are seldom closer than that
MIN_CLASS_IMAGES = 100  # on both sides; with fewer, the distance depends more on the number of images than on them
NUM_CLOSEST = 8


class Score(NamedTuple):
    """A value and its 95% interval; None where there is too little data for an interval."""

    value: float
    interval: Interval | None = None


class Pair(NamedTuple):
    """A generated image and its nearest training image, by index; `ratio` is their distance over the threshold."""

    generated: int
    train: int
    ratio: float


@dataclass(frozen=True)
class Classes:
    """Class names, and the class index of each generated image [N] and of each reference image [M]."""

    names: Sequence[str]
    generated: Array
    reference: Array


@dataclass(frozen=True)
class Measured:
    """All scores by name, the Fréchet distance of each class that has enough images, and the closest pairs."""

    scores: dict[str, Score]
    by_class: dict[str, Score]
    closest: list[Pair]


def score_features(
    fake: Array,
    real: Array,
    label: str,
    seed: int,
    *,
    train: Array | None = None,
    classes: Classes | None = None,
    predictions: Array | None = None,
    device: str | torch.device = "cpu",
) -> Measured:
    """Score features of generated images [N, C] against features of held-out real images [M, C].

    `label` is the feature net's part of the distances' names. `train` [T, C] adds the score `memorised`: the share of
    generated images that are at most as far from a training image as the CLOSE_QUANTILE of held-out images. A generator
    that makes new images scores about CLOSE_QUANTILE, one that copies scores 1. The comparison with held-out distances
    follows Meehan, Chaudhuri & Dasgupta 2020, "A Non-Parametric Test to Detect Data-Copying". `predictions` [N, K], the
    class probabilities of the generated images, adds the classifier score.
    """
    scores = _distances(fake, real, label, seed) | _manifold_scores(fake, real, device)
    if predictions is not None:
        scores["classifier-score"] = classifier_score(predictions)
    closest: list[Pair] = []
    if train is not None and len(train):
        scores["memorised"], closest = _memorised(fake, real, train, device)
    return Measured(scores, _by_class(fake, real, classes) if classes else {}, closest)


def _distances(fake: Array, real: Array, label: str, seed: int) -> dict[str, Score]:
    frechet_name, kernel_name = ("FID", "KID") if label == FID_NET else (f"FD-{label}", f"KD-{label}")
    frechet = compare_frechet(fake, real)
    kernel = kernel_distance(fake, real, seed=seed, num_subsets=NUM_SUBSETS)
    return {
        frechet_name: Score(frechet.value, _about(frechet.value, frechet.error, least=0.0)),
        kernel_name: Score(kernel.value, _about(kernel.value, kernel.error)),
        f"{kernel_name}-std": Score(kernel.std),
    }


def _manifold_scores(fake: Array, real: Array, device: str | torch.device) -> dict[str, Score]:
    found = compare_manifolds(fake, real, device)
    density = float(found.density.mean())
    # 3/n (Poisson) where no image is in any ball: a standard deviation of zero would claim certainty.
    error = max(float(found.density.std()), 3 / Z / math.sqrt(len(fake))) / math.sqrt(len(fake))
    return {
        "precision": _share(found.precise),
        "recall": _share(found.recalled),
        "density": Score(density, _about(density, error, least=0.0)),
        "coverage": _share(found.covered),
    }


def classifier_score(predictions: Array) -> Score:
    """exp of the mean KL(p(y|x) || p(y)) over class probabilities [N, K]: 1 to K, higher is better.

    This is the formula of the Inception Score (Salimans et al. 2016, section 4) with a classifier of the dataset's
    classes, over all images at once. The derivative of its logarithm in the direction of an image is the divergence of
    that image, which gives the interval by the delta method.
    """
    p = np.maximum(predictions.astype(np.float64), np.finfo(np.float32).tiny)
    divergences = (p * (np.log(p) - np.log(p.mean(axis=0)))).sum(axis=1)
    log_score, error = float(divergences.mean()), float(divergences.std(ddof=1)) / math.sqrt(len(p))
    low, high = math.exp(max(log_score - Z * error, 0.0)), math.exp(log_score + Z * error)
    return Score(math.exp(log_score), (low, min(high, float(p.shape[1]))))


def _memorised(fake: Array, real: Array, train: Array, device: str | torch.device) -> tuple[Score, list[Pair]]:
    threshold = float(np.quantile(nearest(real, train, device)[0], CLOSE_QUANTILE))
    distances, places = nearest(fake, train, device)
    ratios = distances / max(threshold, float(np.finfo(np.float32).tiny))
    order = np.argsort(distances, kind="stable")[:NUM_CLOSEST]
    pairs = [Pair(int(i), int(places[i]), float(ratios[i])) for i in order]
    # At most: where many held-out images are copies, the threshold is 0, and copies are still found.
    return _share(distances <= threshold), pairs


def _by_class(fake: Array, real: Array, classes: Classes) -> dict[str, Score]:
    found = {}
    for index, name in enumerate(classes.names):
        mine, theirs = fake[classes.generated == index], real[classes.reference == index]
        if min(len(mine), len(theirs)) >= MIN_CLASS_IMAGES:
            frechet = compare_frechet(mine, theirs)
            found[name] = Score(frechet.value, _about(frechet.value, frechet.error, least=0.0))
    return found


def _about(value: float, error: float, least: float = -math.inf) -> Interval | None:
    return (max(value - Z * error, least), value + Z * error) if math.isfinite(error) else None


def _share(hits: Array) -> Score:
    """The share of True with Wilson's interval, which stays wide where few images all agree (Wilson 1927)."""
    n, share = len(hits), float(np.mean(hits))
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return Score(share, (max(centre - half, 0.0), min(centre + half, 1.0)))
