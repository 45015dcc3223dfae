"""Nearest neighbours in feature space: precision and recall, density and coverage, and the closest pairs.

Distances are computed in tiles, so memory does not grow with the product of the two sets: 50,000 against 50,000 images
take 0.9 GiB besides their features (benchmarks/results/scores.md). They are computed in float32 from features shifted
to the mean of the real ones, because |a|² + |b|² - 2ab loses precision where features are far from the origin. A GPU
does not use TF32 here, also where a training allows it. What could be rounding counts as 0. Otherwise the processor
would decide whether a copy is in the ball of its original.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from models.compute.device import without_tf32

Features = npt.NDArray[np.floating[Any]]
Float64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

TILE = 4096
ROUNDING = 2e-6  # of the squared lengths: a smaller squared distance in float32 may be that of equal features
PRECISION_NEIGHBOUR = 3  # Kynkäänniemi et al. 2019, section 3.1
DENSITY_NEIGHBOUR = 5  # Naeem et al. 2020, section 3.2


@dataclass(frozen=True)
class Manifolds:
    """How two sets of images cover each other, for each image; a score is the mean over images.

    For each generated image [N]: `precise`, whether it is in the ball of some real image, and `density`, the number of
    real balls that it is in, divided by their k. For each real image [M]: `recalled`, whether it is in the ball of some
    generated image, and `covered`, whether some generated image is in its ball.
    """

    precise: Bools
    density: Float64
    recalled: Bools
    covered: Bools


def compare_manifolds(fake: Features, real: Features, device: str | torch.device = "cpu") -> Manifolds:
    """Compare two sets of features [N, C] and [M, C]; the ball of an image reaches to its k-th neighbour.

    Precision and recall: Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric", eq. 1-3, k = 3. Density
    and coverage: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics", eq. 3 and 5, k = 5. Sets of k images
    or fewer use the furthest neighbour there is; the ball of a single image is a point.
    """
    x, y = _shifted(fake, real, device), _shifted(real, real, device)
    reach_x = _reach(x, PRECISION_NEIGHBOUR)
    narrow, wide = _reach(y, PRECISION_NEIGHBOUR), _reach(y, DENSITY_NEIGHBOUR)
    precise, recalled = _zeros(x, torch.bool), _zeros(y, torch.bool)
    count, covered = _zeros(x, torch.int64), _zeros(y, torch.bool)
    for rows, columns, squares in _tiles(x, y):
        precise[rows] |= (squares <= narrow[columns]).any(1)
        recalled[columns] |= (squares <= reach_x[rows, None]).any(0)
        inside = squares <= wide[columns]
        count[rows] += inside.sum(1)
        covered[columns] |= inside.any(0)
    density = count.cpu().numpy() / DENSITY_NEIGHBOUR
    return Manifolds(precise.cpu().numpy(), density, recalled.cpu().numpy(), covered.cpu().numpy())


def nearest(
    queries: Features, candidates: Features, device: str | torch.device = "cpu"
) -> tuple[Float64, npt.NDArray[np.int64]]:
    """Distance and index of the nearest candidate of each query: [N, C], [M, C] -> [N], [N]."""
    x, y = _shifted(queries, candidates, device), _shifted(candidates, candidates, device)
    best = torch.full((len(x),), torch.inf, device=x.device)
    index = _zeros(x, torch.int64)
    for rows, columns, squares in _tiles(x, y):
        values, found = squares.min(1)
        closer = values < best[rows]
        best[rows] = torch.where(closer, values, best[rows])
        index[rows] = torch.where(closer, found + columns.start, index[rows])
    return np.sqrt(best.cpu().numpy().astype(np.float64)), index.cpu().numpy()


def nearest_few(
    queries: Features, candidates: Features, count: int, device: str | torch.device = "cpu"
) -> tuple[Float64, npt.NDArray[np.int64]]:
    """Distances and indices of the `count` nearest candidates of each query, nearest first: [N, C], [M, C] -> [N, k].

    k is `count`, or M where there are fewer candidates. Of candidates at the same distance, the first one comes first.
    """
    x, y = _shifted(queries, candidates, device), _shifted(candidates, candidates, device)
    found: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    for rows, columns, squares in _tiles(x, y):
        places = torch.arange(columns.start, columns.start + squares.shape[1], device=x.device).expand_as(squares)
        if rows.start in found:
            squares = torch.cat([found[rows.start][0], squares], 1)
            places = torch.cat([found[rows.start][1], places], 1)
        order = squares.argsort(dim=1, stable=True)[:, :count]
        found[rows.start] = squares.gather(1, order), places.gather(1, order)
    distances, indices = (torch.cat(parts).cpu().numpy() for parts in zip(*found.values(), strict=True))
    return np.sqrt(distances.astype(np.float64)), indices


def _shifted(features: Features, origin: Features, device: str | torch.device) -> torch.Tensor:
    shift = origin.mean(axis=0, dtype=np.float64).astype(np.float32)
    return torch.from_numpy(features.astype(np.float32) - shift).to(device)


def _zeros(like: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return torch.zeros(len(like), dtype=dtype, device=like.device)


def _reach(x: torch.Tensor, k: int) -> torch.Tensor:
    """Squared distance of each row of `x` to its k-th nearest other row, [N]."""
    k = min(k, len(x) - 1)
    found: dict[int, torch.Tensor] = {}
    for rows, _, squares in _tiles(x, x):
        # Each row is its own nearest neighbour at distance 0, hence k + 1.
        smallest = squares.topk(min(k + 1, squares.shape[1]), largest=False).values
        before = found.get(rows.start)
        merged = smallest if before is None else torch.cat([before, smallest], 1)
        found[rows.start] = merged.topk(min(k + 1, merged.shape[1]), largest=False).values
    return torch.cat([values[:, k] for values in found.values()])


def _tiles(x: torch.Tensor, y: torch.Tensor) -> Iterator[tuple[slice, slice, torch.Tensor]]:
    """Rows, columns and squared distances of each tile of the [N, M] table, in row-major order."""
    length_x, length_y = x.square().sum(1), y.square().sum(1)
    least = ROUNDING * float(length_x.max() + length_y.max())
    for i in range(0, len(x), TILE):
        rows = slice(i, min(i + TILE, len(x)))
        for j in range(0, len(y), TILE):
            columns = slice(j, min(j + TILE, len(y)))
            with without_tf32():
                products = x[rows] @ y[columns].T
            squares = length_x[rows, None] + length_y[columns] - 2 * products
            yield rows, columns, F.threshold(squares, least, 0.0, inplace=True)
