"""Whether new data are unlike known data: a distance, relative to that of random samples of the known data.

No absolute limits are needed. How far a random sample of the same size lies from the known data tells how much chance
alone explains. This is the idea of permutation tests (Gretton et al. 2012, "A Kernel Two-Sample Test", section 8).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

from models.errors import EvaluationError
from models.metrics.distances import Features, Float64, kernel

Values = npt.NDArray[Any]
LARGEST_SAMPLE = 500
NUM_DRAWS = 200
NUM_SPLITS = 50


class Drift(NamedTuple):
    """A distance of new data from known data, and the distances that chance gives: their mean and the largest one."""

    distance: float
    by_chance: float
    largest: float

    @property
    def ratio(self) -> float:
        """The distance relative to that of a random sample: about 1 for data of the same kind."""
        if self.by_chance > 0:
            return self.distance / self.by_chance
        return float("inf") if self.distance > 0 else 1.0

    @property
    def exceeds_chance(self) -> bool:
        """Whether no random sample of the known data was as far away."""
        return self.distance > self.largest


def feature_drift(known: Features, new: Features, *, seed: int) -> Drift:
    """Compare the features [N, C] of known images with those of new ones [M, C].

    In each of NUM_SPLITS random splits of the known images, two disjoint samples of n images are compared, and the new
    images with the first of them. n is the same for both, so the bias of the distance is the same as well. The distance
    is the squared MMD with the kernel of the kernel distance (Bińkowski et al. 2018), in its biased form, which is
    never negative. Raises EvaluationError for fewer than 4 known or 2 new images.
    """
    if known.ndim != 2 or new.ndim != 2 or known.shape[1] != new.shape[1] or len(known) < 4 or len(new) < 2:
        raise EvaluationError(
            f"features have shapes {known.shape} and {new.shape}, expected [N, C] and [M, C] with at least 4 known and "
            "2 new images"
        )
    rng = np.random.default_rng(seed)
    size = min(len(known) // 2, len(new), LARGEST_SAMPLE)
    known = known[rng.permutation(len(known))[: 4 * LARGEST_SAMPLE]]
    new = new[rng.permutation(len(new))[: 2 * LARGEST_SAMPLE]]
    both = np.concatenate([known, new]).astype(np.float64)
    with threadpool_limits(1):  # see models/metrics/distances.py
        gram = kernel(both, both)
    apart, by_chance = [], []
    for _ in range(NUM_SPLITS):
        order = rng.permutation(len(known))
        one, other = order[:size], order[size : 2 * size]
        fresh = len(known) + rng.permutation(len(new))[:size]
        apart.append(_mmd2(gram, one, fresh))
        by_chance.append(_mmd2(gram, one, other))
    return Drift(float(np.mean(apart)), float(np.mean(by_chance)), max(by_chance))


def _mmd2(gram: Float64, x: npt.NDArray[np.intp], y: npt.NDArray[np.intp]) -> float:
    within = gram[np.ix_(x, x)].mean() + gram[np.ix_(y, y)].mean()
    return max(float(within - 2 * gram[np.ix_(x, y)].mean()), 0.0)


def drift_of(known: Values, new: Values, distance: Callable[[Values, Values], float], *, seed: int) -> Drift:
    """Compare values [N] with new values [M] by `distance`, and random samples of M known values likewise.

    Raises EvaluationError where one side has no values.
    """
    if not len(known) or not len(new):
        raise EvaluationError(f"there are {len(known)} known and {len(new)} new values; at least one of each is needed")
    rng = np.random.default_rng(seed)
    chance = [distance(known, rng.choice(known, len(new))) for _ in range(NUM_DRAWS)]
    return Drift(distance(known, new), float(np.mean(chance)), max(chance))


def total_variation(known: Values, new: Values) -> float:
    """Half the sum of the differences of shares, 0 to 1: the share of values that would have to change."""
    names = np.union1d(known, new)
    shares = [(values[:, None] == names).mean(axis=0) for values in (known, new)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def kolmogorov_smirnov(known: Values, new: Values) -> float:
    """The largest difference of the cumulative distributions, 0 to 1."""
    places = np.sort(np.concatenate([known, new]))
    heights = [np.searchsorted(np.sort(values), places, side="right") / len(values) for values in (known, new)]
    return float(np.abs(heights[0] - heights[1]).max())
