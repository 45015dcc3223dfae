"""Floors that any usable generator clears, and an untrained or a collapsed one does not.

They lie relative to what the same protocol gives for real images and for the simplest generators there are:

- **Fréchet distance.** A generator that makes one image again and again has features without spread. Its distance
  (Heusel et al. 2017, eq. 6) is |mu - f|^2 + tr(sigma) for that image's features f, where tr(sigma) is the sum of the
  variances of the real features. That is at least tr(sigma) for any image, and 2 tr(sigma) on average over the real
  ones. The floor lies between the two, at 1.5 tr(sigma).
- **Coverage.** N images of the same distribution as M real ones are expected to cover the share
  1 - (M-1)...(M-k) / ((M+N-1)...(M+N-k)) of these (Naeem et al. 2020, eq. 9, k = 5). The floor is that share for
  N = FEW_IMAGES, however many are generated: a generator that has collapsed to a few images, one for each class for
  instance, covers what lies around those, and noise covers nothing.

benchmarks/results/floors.md has the scores of such generators, and of trained ones, on two collections.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.metrics.config import FEW_IMAGES, LEAST_IMAGES
from models.metrics.judges import base_name
from models.metrics.neighbours import DENSITY_NEIGHBOUR

__all__ = ["COVERAGE", "baseline_scores", "find_missed_floors"]

Array = npt.NDArray[Any]
COVERAGE = "coverage"
SPREADS = 1.5  # times tr(sigma)


def baseline_scores(reference: Array, frechet: str, coverage: str = COVERAGE) -> dict[str, float]:
    """Give the limits from features of real images [M, C]. `frechet` and `coverage` are the names of the scores."""
    spread = float(reference.astype(np.float64).var(axis=0, ddof=1).sum()) if len(reference) > 1 else 0.0
    return {frechet: SPREADS * spread, coverage: expected_coverage(FEW_IMAGES, len(reference))}


def expected_coverage(num_generated: int, num_reference: int) -> float:
    """The coverage to expect where both sets are drawn from the same distribution (Naeem et al. 2020, eq. 9)."""
    k = min(DENSITY_NEIGHBOUR, num_reference - 1)
    total = num_generated + num_reference
    return 1 - math.prod((num_reference - i) / (total - i) for i in range(1, k + 1))


def find_missed_floors(
    values: Mapping[str, float], baselines: Mapping[str, float], num_generated: int, num_reference: int
) -> list[str]:
    """One sentence for each floor that the scores miss; a single one where there are too few images to say anything."""
    if min(num_generated, num_reference) < LEAST_IMAGES:
        return [
            f"scores of {num_generated:,} generated against {num_reference:,} real images are unreliable and decide "
            f"nothing: at least {LEAST_IMAGES} on both sides are needed"
        ]
    missed = []
    for name, limit in baselines.items():
        if name not in values:
            missed.append(f"{name}, which has a floor, was not measured")
        elif base_name(name) == COVERAGE and values[name] <= limit:
            missed.append(f"{name} is {values[name]:.3f}, that of a usable generator is above {limit:.3f}")
        elif base_name(name) != COVERAGE and values[name] >= limit:
            missed.append(f"{name} is {values[name]:.1f}, that of a usable generator is below {limit:.1f}")
    return missed
