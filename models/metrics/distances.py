"""Distances between two sets of feature vectors: Fréchet and kernel, both in float64.

These are pure functions of arrays. Lower is better, 0 means equal.

BLAS runs on one thread here. Its threads wait for each other by spinning. On a machine with other load, that made an
eigendecomposition of 1280 x 1280 take 2-19 s instead of 0.4 s.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

from models.errors import EvaluationError

Features = npt.NDArray[np.floating[Any]]
Float64 = npt.NDArray[np.float64]

LARGEST_SUBSET = 1000
# Of the variances. Features are float32, so a smaller Fréchet distance is rounding; how much depends on the processor.
LEAST_SHARE = 1e-9


class FeatureStats(NamedTuple):
    """Number, mean [C] and unbiased covariance [C, C] of feature vectors, in float64."""

    n: int
    mean: Float64
    covariance: Float64

    @classmethod
    def of(cls, features: Features, batch_size: int = 4096) -> "FeatureStats":
        """The statistics of an array [N, C]. It is read in batches, so that no float64 copy of all of it is made.

        Features are shifted by the mean of the first batch before they are summed. Without the shift, small variances
        are lost in the difference of two large sums (Chan, Golub & LeVeque 1983, on computing the sample variance).
        Raises EvaluationError for another shape, or fewer than two feature vectors.
        """
        if features.ndim != 2 or len(features) < 2:
            raise EvaluationError(f"features have shape {features.shape}; expected [N, C], and at least 2 are needed")
        n, num_features = features.shape
        shift = features[:batch_size].astype(np.float64).mean(axis=0)
        total, outer = np.zeros(num_features), np.zeros((num_features, num_features))
        for start in range(0, n, batch_size):
            x = features[start : start + batch_size].astype(np.float64) - shift
            total += x.sum(axis=0)
            outer += x.T @ x
        return cls(n, shift + total / n, (outer - np.outer(total, total) / n) / (n - 1))


class Gaussian(NamedTuple):
    """Number and mean [C] of feature vectors, and their covariance as L L^T, with L [C, K] and its trace."""

    n: int
    mean: Float64
    factor: Float64
    trace: float

    @classmethod
    def of(cls, features: Features) -> "Gaussian":
        """The Gaussian of an array [N, C].

        With fewer images than features, L is the centred features divided by sqrt(N - 1): nothing is decomposed.
        Otherwise L comes from the eigenvectors of the covariance. Raises EvaluationError as `FeatureStats.of` does.
        """
        if features.ndim == 2 and 2 <= len(features) <= features.shape[1]:
            x = features.astype(np.float64)
            mean = x.mean(axis=0)
            factor = (x - mean).T / np.sqrt(len(x) - 1)
            return cls(len(x), mean, factor, float((factor**2).sum()))
        stats = FeatureStats.of(features)
        return cls(stats.n, stats.mean, _factor(stats.covariance), float(np.trace(stats.covariance)))


def frechet_distance(x: Features, y: Features) -> float:
    """The squared Fréchet distance of two sets of features [N, C], [M, C], each taken as a Gaussian.

    |mu1 - mu2|^2 + tr(sigma1) + tr(sigma2) - 2 tr(sqrt(sigma1 sigma2)): Dowson & Landau 1982; for generated images
    Heusel et al. 2017, eq. 6. With sigma = L L^T, the eigenvalues of sigma1 sigma2 are the squared singular values of
    L1^T L2, so the trace of the root is the sum of the singular values. This needs no matrix root and no complex
    numbers, and it is exact for singular covariances, which occur with fewer images than features.
    """
    with threadpool_limits(1):  # see the module docstring
        a, b = Gaussian.of(x), Gaussian.of(y)
        root_trace = np.linalg.svd(a.factor.T @ b.factor, compute_uv=False).sum()
    return _total(a.mean - b.mean, a.trace + b.trace, float(root_trace))


@dataclass(frozen=True)
class FrechetDistance:
    """A Fréchet distance and its standard error over other draws of the same number of images."""

    value: float
    error: float


def compare_frechet(x: Features, y: Features) -> FrechetDistance:
    """The squared Fréchet distance of two sets of features [N, C], [M, C], with its standard error.

    The error is from the delta method. The influence of an image on the distance is the derivative of eq. 6 of Heusel
    et al. 2017 in its direction: 2 (mu1 - mu2)·x + x·x - x·A x for an image x of the first set relative to the mean,
    where A = L2 V S^-1 V^T L2^T with L1^T L2 = U S V^T. It agrees with the spread over fresh draws, also with fewer
    images than features (tested). A bootstrap is biased there, because an image drawn twice adds no direction. The
    error does not include the bias of the distance, which falls with the number of images; the protocol fixes that
    number.
    """
    with threadpool_limits(1):  # see the module docstring
        a, b = Gaussian.of(x), Gaussian.of(y)
        offset = a.mean - b.mean
        u, roots, vt = np.linalg.svd(a.factor.T @ b.factor, full_matrices=False)
        # Directions that one of the sets does not have are left out: the distance has no derivative there.
        keep = roots > roots.max(initial=0.0) * 1e-9
        to_y = b.factor @ vt[keep].T / np.sqrt(roots[keep])
        to_x = a.factor @ u[:, keep] / np.sqrt(roots[keep])
        variance = _influence(x, a.mean, offset, to_y) / a.n + _influence(y, b.mean, -offset, to_x) / b.n
    value = _total(offset, a.trace + b.trace, float(roots.sum()))
    return FrechetDistance(value, float(np.sqrt(variance)))


def _total(offset: Float64, traces: float, root_trace: float) -> float:
    """The sum of the distance's terms; exactly 0 for equal sets, where rounding leaves about -1e-13 or 1e-13."""
    distance = float(offset @ offset) + traces - 2 * root_trace
    return distance if distance > LEAST_SHARE * traces else 0.0


def _influence(x: Features, mean: Float64, offset: Float64, root: Float64, batch_size: int = 4096) -> float:
    """The variance, over images, of their influence on the Fréchet distance."""
    values = []
    for start in range(0, len(x), batch_size):
        centred = x[start : start + batch_size].astype(np.float64) - mean
        values.append(2 * centred @ offset + (centred**2).sum(1) - ((centred @ root) ** 2).sum(1))
    return float(np.concatenate(values).var(ddof=1))


def _factor(sigma: Float64) -> Float64:
    """L [C, rank] with sigma = L L^T, without the directions that contain only rounding errors."""
    values, vectors = np.linalg.eigh(sigma)
    keep = values > max(values[-1], 0.0) * len(values) * np.finfo(np.float64).eps
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance: the mean over random subsets, and the standard deviation between subsets.

    `error` is the standard error of the distance between all images (see `kernel_distance`).
    """

    value: float
    std: float
    error: float


def kernel_subset_size(num_x: int, num_y: int) -> int:
    """The subset size for sets of these sizes: half the smaller one, at most 1000.

    The usual 1000 is too large for small sets, and subsets as large as the set would show no spread.
    """
    return min(LARGEST_SUBSET, max(2, min(num_x, num_y) // 2))


def kernel_distance(
    x: Features, y: Features, *, seed: int, num_subsets: int = 50, subset_size: int | None = None
) -> KernelDistance:
    """The unbiased squared MMD of two sets of features [N, C], [M, C] under the kernel (x·y / C + 1)^3.

    It is averaged over `num_subsets` random subsets. Without `subset_size`, the size follows from the sets. Unlike the
    Fréchet distance, its expectation does not depend on the number of images. It may be slightly negative. Source:
    Bińkowski et al. 2018, "Demystifying MMD GANs", eq. 4 and section 4. The error is the delete-d jackknife's:
    sqrt(s / (n - s)) times the spread over subsets of s among the n images of the smaller set (Shao & Wu 1989). If the
    other set is larger, the error is rather too large; if no image is left out, it is infinite. Raises EvaluationError
    when the sets do not fit together or are smaller than the subset.
    """
    size = kernel_subset_size(len(x), len(y)) if subset_size is None else subset_size
    _check_sets(x, y, size)
    rng = np.random.default_rng(seed)
    with threadpool_limits(1):  # see the module docstring
        values = [_mmd2(_pick(rng, x, size), _pick(rng, y, size)) for _ in range(num_subsets)]
    spread, rest = float(np.std(values)), min(len(x), len(y)) - size
    error = spread * float(np.sqrt(size / rest)) if rest else float("inf")
    return KernelDistance(float(np.mean(values)), spread, error)


def _check_sets(x: Features, y: Features, size: int) -> None:
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise EvaluationError(f"features have shapes {x.shape} and {y.shape}, expected [N, C] and [M, C]")
    if not 2 <= size <= min(len(x), len(y)):
        raise EvaluationError(
            f"the kernel distance on subsets of {size} needs at least {max(size, 2)} images on both sides, but "
            f"got {len(x)} and {len(y)}: use more images, or a smaller subset size"
        )


def _pick(rng: np.random.Generator, features: Features, size: int) -> Float64:
    return features[rng.choice(len(features), size, replace=False)].astype(np.float64)


def _mmd2(x: Float64, y: Float64) -> float:
    """The unbiased squared MMD of two sets of equal size; no image is compared with itself."""
    n = len(x)
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (n * (n - 1))
    return float(within - 2 * xy.mean())


def kernel(x: Float64, y: Float64) -> Float64:
    """The kernel (x·y / C + 1)^3 of all pairs of rows: [N, C], [M, C] -> [N, M]."""
    base = x @ y.T / x.shape[1] + 1
    return np.asarray(base * base * base)  # NumPy's ** 3 is 2 to 40 times as slow
