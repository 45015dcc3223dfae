"""Fréchet and kernel distance against independent float64 references, and their behaviour at the edges."""

import itertools

import numpy as np
import pytest
import scipy.linalg

from models.errors import EvaluationError
from models.metrics.distances import (
    FeatureStats,
    Gaussian,
    compare_frechet,
    frechet_distance,
    kernel_distance,
    kernel_subset_size,
)


def features(n: int, num_features: int = 24, seed: int = 0, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(num_features, num_features))
    return (rng.normal(size=(n, num_features)) @ mixing * scale + shift).astype(np.float32)


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
    assert frechet_distance(x, y) == pytest.approx(reference_frechet(x, y), rel=1e-8)


def test_frechet_distance_holds_with_fewer_images_than_features() -> None:
    """n images span n - 1 directions; the reference is the nuclear norm of the data itself."""
    x, y = features(20, 64, seed=1), features(30, 64, seed=2, shift=0.1)
    a, b = (v.astype(np.float64) - v.astype(np.float64).mean(0) for v in (x, y))
    a, b = a / np.sqrt(19), b / np.sqrt(29)
    offset = x.astype(np.float64).mean(0) - y.astype(np.float64).mean(0)
    expected = offset @ offset + (a**2).sum() + (b**2).sum() - 2 * np.linalg.norm(a @ b.T, "nuc")
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)
    assert compare_frechet(x, y).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(23, 200), (24, 24), (25, 24), (25, 26)])
def test_the_factor_of_few_images_gives_what_the_eigenvectors_give(n: int, m: int) -> None:
    x, y = features(n, seed=1), features(m, seed=2, scale=1.3, shift=0.4)
    a, b = Gaussian.of(x), Gaussian.of(y)
    for gaussian, images in ((a, x), (b, y)):
        stats = FeatureStats.of(images)
        np.testing.assert_allclose(gaussian.mean, stats.mean, rtol=1e-9)
        np.testing.assert_allclose(gaussian.factor @ gaussian.factor.T, stats.covariance, rtol=1e-7, atol=1e-9)
        assert gaussian.trace == pytest.approx(np.trace(stats.covariance), rel=1e-9)
    assert frechet_distance(x, y) == pytest.approx(reference_frechet(x, y), rel=1e-6)
    assert compare_frechet(x, y).value == pytest.approx(frechet_distance(x, y), rel=1e-9)


def test_equal_sets_are_at_distance_zero() -> None:
    x = features(50, 128)
    # Exactly 0, whatever the order in which a processor adds: what could be rounding counts as 0.
    for same in (x, x[::-1], np.roll(x, 7, axis=0)):
        assert frechet_distance(x, same) == compare_frechet(x, same).value == 0
    assert kernel_distance(x, x, seed=0).value <= 0  # unbiased, so the same images score below zero


def test_frechet_distance_is_symmetric_and_grows_with_the_shift() -> None:
    x = features(300)
    distances = [frechet_distance(x, features(300, seed=5, shift=shift)) for shift in (0.0, 1.0, 3.0)]
    assert distances == sorted(distances)
    assert frechet_distance(x, features(300, seed=5)) == pytest.approx(distances[0], rel=1e-9)
    assert frechet_distance(features(300, seed=5), x) == pytest.approx(distances[0], rel=1e-9)


def test_collapsed_images_have_a_finite_distance() -> None:
    x, same = features(100), np.repeat(features(1, seed=4), 100, axis=0)
    expected = ((x.astype(np.float64).mean(0) - same[0]) ** 2).sum() + np.trace(np.cov(x, rowvar=False))
    assert frechet_distance(x, same) == pytest.approx(expected, rel=1e-6)


def test_kernel_distance_agrees_with_the_sum_over_pairs() -> None:
    x, y = features(30, seed=1), features(30, seed=2, scale=1.2)
    result = kernel_distance(x, y, seed=0, num_subsets=3, subset_size=30)
    assert result.value == pytest.approx(reference_mmd2(x, y), rel=1e-9)
    assert result.std == pytest.approx(0.0, abs=1e-9 * abs(result.value))  # a subset of everything is everything
    assert result.error == float("inf")  # no image is left out


def test_kernel_distance_repeats_for_a_seed_and_tells_sets_apart() -> None:
    x, near, far = features(400), features(300, seed=2), features(300, seed=2, shift=2.0)
    again, other = kernel_distance(x, near, seed=3), kernel_distance(x, near, seed=4)
    assert kernel_distance(x, near, seed=3).value == pytest.approx(again.value, rel=1e-9)
    assert again.value != pytest.approx(other.value, rel=1e-3)
    assert kernel_distance(x, far, seed=0).value > 10 * abs(kernel_distance(x, near, seed=0).value)


@pytest.mark.parametrize(("n", "m", "size"), [(3, 3, 2), (500, 2000, 250), (501, 2000, 250), (50_000, 10_000, 1000)])
def test_subsets_follow_the_number_of_images(n: int, m: int, size: int) -> None:
    assert kernel_subset_size(n, m) == size


def test_too_few_images_are_refused() -> None:
    with pytest.raises(
        EvaluationError, match="subsets of 100 needs at least 100 images on both sides, but got 50 and 80"
    ):
        kernel_distance(features(50), features(80), seed=0, subset_size=100)
    with pytest.raises(EvaluationError, match="subsets of 60 needs at least 60 images"):
        kernel_distance(features(50), features(80), seed=0, subset_size=60)
    with pytest.raises(EvaluationError, match="at least 2 are needed"):
        FeatureStats.of(features(1))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (features(10, 24), features(10, 12)),
        (features(10, 24)[..., None], features(10, 24)),
        (features(10, 24), features(10, 24)[..., None]),
    ],
)
def test_features_that_do_not_fit_together_are_refused(x: np.ndarray, y: np.ndarray) -> None:
    with pytest.raises(EvaluationError, match="expected"):
        kernel_distance(x, y, seed=0)
    with pytest.raises(EvaluationError, match="expected"):
        FeatureStats.of(features(10, 24)[..., None])


def test_statistics_of_two_images_by_hand() -> None:
    n, mean, covariance = FeatureStats.of(np.array([[0.0, 0.0], [2.0, 4.0]]))
    assert n == 2
    np.testing.assert_allclose(mean, [1, 2])
    np.testing.assert_allclose(covariance, [[2, 4], [4, 8]])


def test_distance_and_error_of_one_feature_are_those_of_the_formula() -> None:
    """(m1 - m2)^2 + (s1 - s2)^2, whose derivative for an image is 2 (m1 - m2) d + (1 - s2 / s1) d^2.

    Both sets are sorted and longer than a batch, so an image that is counted twice or not at all shows.
    """
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.gamma(2.0, size=9000)), np.sort(1.5 * rng.gamma(3.0, size=5000))
    offset, s, t = x.mean() - y.mean(), x.std(ddof=1), y.std(ddof=1)
    of_x = 2 * offset * (x - x.mean()) + (1 - t / s) * (x - x.mean()) ** 2
    of_y = -2 * offset * (y - y.mean()) + (1 - s / t) * (y - y.mean()) ** 2
    found = compare_frechet(x[:, None], y[:, None])
    assert found.value == pytest.approx(offset**2 + (s - t) ** 2, rel=1e-8)
    assert found.error == pytest.approx(np.sqrt(of_x.var(ddof=1) / 9000 + of_y.var(ddof=1) / 5000), rel=1e-6)


def distance_with_weights(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """The Fréchet distance by matrix roots, where the images of the first set count by their weights."""
    mean = weights @ x
    s, t = (x - mean).T @ ((x - mean) * weights[:, None]), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(s * len(x) / (len(x) - 1) @ t)
    trace = np.trace(s) * len(x) / (len(x) - 1) + np.trace(t) - 2 * np.trace(np.real(root))
    return float(((mean - y.mean(0)) ** 2).sum() + trace)


def slopes(x: np.ndarray, y: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """How the distance changes where an image of the first set gets more weight, by central differences."""
    equal = np.full(len(x), 1 / len(x))
    found = []
    for image in np.eye(len(x)):
        up, down = (distance_with_weights(x, y, equal + sign * step * (image - equal)) for sign in (1, -1))
        found.append((up - down) / (2 * step))
    return np.array(found)


def test_the_error_is_that_of_numerical_derivatives() -> None:
    """Few images, so that one more or less in a divisor shows; the divisor n - 1 of a covariance is a constant here."""
    x, y = features(9, 3, seed=1).astype(np.float64), features(7, 3, seed=2, scale=0.6, shift=0.5).astype(np.float64)
    of_x, of_y = slopes(x, y), slopes(y, x)
    a, b = x - x.mean(0), y - y.mean(0)
    # In `slopes` the squares of an image count n / (n - 1) times, in the derivative of eq. 6 once.
    linear = 2 * (x.mean(0) - y.mean(0))
    of_x, of_y = (of_x - a @ linear) * 8 / 9 + a @ linear, (of_y + b @ linear) * 6 / 7 - b @ linear
    expected = np.sqrt(of_x.var(ddof=1) / 9 + of_y.var(ddof=1) / 7)
    assert compare_frechet(x, y).error == pytest.approx(expected, rel=1e-5)


def test_sets_that_vary_in_different_directions() -> None:
    """Nothing is shared: 2^2 + 3^2 between the means, and the variances 4 and 9. There the derivative has no root."""
    x, y = np.array([[0.0, 3], [2, 3], [4, 3]]), np.array([[0.0, -3], [0, 0], [0, 3]])
    found = compare_frechet(x, y)
    assert found.value == pytest.approx(4 + 9 + 4 + 9)
    of_x, of_y = np.array([-8 + 4, 0, 8 + 4]), np.array([18 + 9, 0, -18 + 9])
    assert found.error == pytest.approx(np.sqrt(of_x.var(ddof=1) / 3 + of_y.var(ddof=1) / 3))


@pytest.mark.parametrize("scale", [2.0**-40, 2.0**-16, 2.0**20])
def test_distances_grow_with_the_square_of_the_features(scale: float) -> None:
    """No threshold is absolute. A power of two rounds nothing."""
    x, y = features(30, 8, seed=1), features(20, 8, seed=2, shift=0.3)
    small, plain = compare_frechet(x * scale, y * scale), compare_frechet(x, y)
    assert small.value == pytest.approx(plain.value * scale**2, rel=1e-9)
    assert small.error == pytest.approx(plain.error * scale**2, rel=1e-9)
    assert compare_frechet(x * scale, (x * scale)[::-1]).value == 0


def test_two_images_of_many_features_by_hand() -> None:
    """Each set varies along one line: v and w are half the difference of its two images, and its covariance 2 v v^T."""
    x, y = features(2, 64, seed=1).astype(np.float64), features(2, 64, seed=2).astype(np.float64)
    v, w, offset = (x[0] - x[1]) / 2, (y[0] - y[1]) / 2, x.mean(0) - y.mean(0)
    expected = offset @ offset + 2 * v @ v + 2 * w @ w - 4 * abs(v @ w)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)
    assert compare_frechet(x, y).value == pytest.approx(expected, rel=1e-9)


def test_the_error_of_the_kernel_distance_is_the_jackknifes() -> None:
    """Subsets of 10 among the 40 images of the smaller set: sqrt(10 / 30) times the spread."""
    x, y = features(40, seed=1), features(70, seed=2)
    found = kernel_distance(x, y, seed=0, num_subsets=5, subset_size=10)
    assert found.error == pytest.approx(found.std * np.sqrt(1 / 3))


def test_fifty_subsets_are_the_default() -> None:
    x, y = features(40, seed=1), features(70, seed=2)
    assert kernel_distance(x, y, seed=0).value == pytest.approx(kernel_distance(x, y, seed=0, num_subsets=50).value)


def test_kernel_distance_of_two_images_each() -> None:
    """k(a, b) = (ab + 1)^3 of numbers: 1 between 0 and 1, 27 between 2 and 1, 343 between 2 and 3."""
    found = kernel_distance(np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]]), seed=0)
    assert found.value == pytest.approx(1 + 343 - 2 * (1 + 1 + 27 + 64) / 4)
