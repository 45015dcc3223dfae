"""Fréchet and kernel distance against independent float64 references, and their behaviour at the edges."""

import itertools

import numpy as np
import pytest
import scipy.linalg

from models.errors import EvaluationError
from models.metrics.distances import (
    FeatureStats,
    compare_frechet,
    frechet_distance,
    kernel_distance,
    kernel_subset_size,
)


def features(n: int, num_features: int = 24, seed: int = 0, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(num_features, num_features))
    return (rng.normal(size=(n, num_features)) @ mixing * scale + shift).astype(np.float32)


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    a, b = FeatureStats.of(x), FeatureStats.of(y)
    return frechet_distance(a.mean, a.covariance, b.mean, b.covariance)


def reference_frechet(x: np.ndarray, y: np.ndarray) -> float:
    """The textbook way: a matrix square root of the product."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(s @ t)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s + t - 2 * np.real(root)))


def reference_mmd2(x: np.ndarray, y: np.ndarray) -> float:
    """Sum by sum over pairs, as eq. 4 of Bińkowski et al. 2018 is written."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return (float(np.dot(a.astype(np.float64), b.astype(np.float64))) / len(a) + 1) ** 3

    m, n = len(x), len(y)
    xx = sum(kernel(a, b) for a, b in itertools.permutations(x, 2)) / (m * (m - 1))
    yy = sum(kernel(a, b) for a, b in itertools.permutations(y, 2)) / (n * (n - 1))
    return xx + yy - 2 * sum(kernel(a, b) for a in x for b in y) / (m * n)


def test_statistics_do_not_depend_on_the_batches() -> None:
    x = features(1000, shift=500.0)
    whole, parts = FeatureStats.of(x), FeatureStats.of(x, batch_size=7)
    assert whole.n == parts.n == 1000
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(whole.covariance, np.cov(x.astype(np.float64), rowvar=False), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("n", "m"), [(200, 300), (2000, 100)])
def test_frechet_distance_agrees_with_the_matrix_root(n: int, m: int) -> None:
    x, y = features(n, seed=1), features(m, seed=2, scale=1.3, shift=0.4)
    assert frechet(x, y) == pytest.approx(reference_frechet(x, y), rel=1e-8)


def test_frechet_distance_holds_with_fewer_images_than_features() -> None:
    """n images span n - 1 directions; the reference is the nuclear norm of the data itself."""
    x, y = features(20, 64, seed=1), features(30, 64, seed=2, shift=0.1)
    a, b = (v.astype(np.float64) - v.astype(np.float64).mean(0) for v in (x, y))
    a, b = a / np.sqrt(19), b / np.sqrt(29)
    offset = x.astype(np.float64).mean(0) - y.astype(np.float64).mean(0)
    expected = offset @ offset + (a**2).sum() + (b**2).sum() - 2 * np.linalg.norm(a @ b.T, "nuc")
    assert frechet(x, y) == pytest.approx(expected, rel=1e-9)


def test_equal_sets_are_at_distance_zero() -> None:
    x = features(50, 128)
    # Exactly 0, whatever the order in which a processor adds: what could be rounding counts as 0.
    for same in (x, x[::-1], np.roll(x, 7, axis=0)):
        assert frechet(x, same) == compare_frechet(x, same).value == 0
    assert kernel_distance(x, x, seed=0).value <= 0  # unbiased, so the same images score below zero


def test_frechet_distance_is_symmetric_and_grows_with_the_shift() -> None:
    x = features(300)
    distances = [frechet(x, features(300, seed=5, shift=shift)) for shift in (0.0, 1.0, 3.0)]
    assert distances == sorted(distances)
    assert frechet(x, features(300, seed=5)) == pytest.approx(distances[0], rel=1e-9)
    assert frechet(features(300, seed=5), x) == pytest.approx(distances[0], rel=1e-9)


def test_collapsed_images_have_a_finite_distance() -> None:
    x, same = features(100), np.repeat(features(1, seed=4), 100, axis=0)
    expected = ((x.astype(np.float64).mean(0) - same[0]) ** 2).sum() + np.trace(np.cov(x, rowvar=False))
    assert frechet(x, same) == pytest.approx(expected, rel=1e-6)


def test_kernel_distance_agrees_with_the_sum_over_pairs() -> None:
    x, y = features(30, seed=1), features(30, seed=2, scale=1.2)
    result = kernel_distance(x, y, seed=0, num_subsets=3, subset_size=30)
    assert result.value == pytest.approx(reference_mmd2(x, y), rel=1e-9)
    assert result.std == pytest.approx(0.0, abs=1e-9 * abs(result.value))  # a subset of everything is everything


def test_kernel_distance_repeats_for_a_seed_and_tells_sets_apart() -> None:
    x, near, far = features(400), features(300, seed=2), features(300, seed=2, shift=2.0)
    again, other = kernel_distance(x, near, seed=3), kernel_distance(x, near, seed=4)
    assert kernel_distance(x, near, seed=3).value == pytest.approx(again.value, rel=1e-9)
    assert again.value != pytest.approx(other.value, rel=1e-3)
    assert kernel_distance(x, far, seed=0).value > 10 * abs(kernel_distance(x, near, seed=0).value)


@pytest.mark.parametrize(("n", "m", "size"), [(3, 3, 2), (500, 2000, 250), (50_000, 10_000, 1000)])
def test_subsets_follow_the_number_of_images(n: int, m: int, size: int) -> None:
    assert kernel_subset_size(n, m) == size


def test_too_few_images_are_refused() -> None:
    with pytest.raises(
        EvaluationError, match="subsets of 100 needs at least 100 images on both sides, but got 50 and 80"
    ):
        kernel_distance(features(50), features(80), seed=0, subset_size=100)
    with pytest.raises(EvaluationError, match="at least 2 are needed"):
        FeatureStats.of(features(1))


def test_features_of_different_nets_are_refused() -> None:
    with pytest.raises(EvaluationError, match="expected"):
        kernel_distance(features(10, 24), features(10, 12), seed=0)
