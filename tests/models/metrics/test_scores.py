"""Scores and their intervals: as wide as fresh draws are apart, wide on small sets, and blind to nothing copied."""

import numpy as np
import pytest

from models.metrics.distances import compare_frechet, frechet_distance, kernel_distance
from models.metrics.scores import CLOSE_QUANTILE, Classes, score_features

MIXING = np.random.default_rng(9).normal(size=(64, 64)) / (1 + np.arange(64))[:, None]


def features(n: int, rng: np.random.Generator, scale: float = 1.0, num_features: int = 64) -> np.ndarray:
    """Rectified mixtures, like what a network's last layer gives."""
    mixed = rng.normal(size=(n, num_features)) @ MIXING[:num_features, :num_features] * scale
    return np.maximum(mixed + 0.3, 0).astype(np.float32)


def test_the_distance_is_the_same_with_and_without_its_error() -> None:
    x, y = (features(n, np.random.default_rng(n), scale) for n, scale in ((40, 1.0), (300, 1.3)))
    assert compare_frechet(x, y).value == pytest.approx(frechet_distance(x, y), rel=1e-9)


@pytest.mark.parametrize(("n", "m", "num_features"), [(300, 400, 8), (300, 200, 64), (50, 40, 64)])
def test_the_error_of_the_frechet_distance_is_the_spread_of_fresh_draws(n: int, m: int, num_features: int) -> None:
    rng = np.random.default_rng(0)
    draws = [
        compare_frechet(features(n, rng, 1.2, num_features), features(m, rng, 1.0, num_features)) for _ in range(100)
    ]
    spread = np.std([draw.value for draw in draws])
    assert np.mean([draw.error for draw in draws]) == pytest.approx(spread, rel=0.25)


def test_the_error_of_the_kernel_distance_is_the_spread_of_fresh_draws() -> None:
    rng = np.random.default_rng(0)
    draws = [kernel_distance(features(200, rng, 1.5), features(200, rng), seed=0) for _ in range(60)]
    spread = np.std([draw.value for draw in draws])
    assert np.mean([draw.error for draw in draws]) == pytest.approx(spread, rel=0.35)


def test_every_score_lies_in_its_interval_and_small_sets_have_wide_ones() -> None:
    rng = np.random.default_rng(0)
    widths = {}
    for n in (4, 1000):
        fake, real, train = (features(n, rng) for _ in range(3))
        scores = score_features(fake, real, "x", 0, train=train).scores
        assert set(scores) == {"FD-x", "KD-x", "KD-x-std", "precision", "recall", "density", "coverage", "memorised"}
        for name, (value, interval) in scores.items():
            if interval:
                assert interval[0] <= value <= interval[1], name
                widths.setdefault(name, []).append(interval[1] - interval[0])
    assert all(small > large for small, large in widths.values())
    assert widths["precision"][0] > 0.3


def test_fresh_images_are_as_close_to_training_images_as_the_val_split_and_copies_are_closer() -> None:
    rng = np.random.default_rng(0)
    train, real, fresh = features(800, rng), features(800, rng), features(800, rng)
    share, interval = score_features(fresh, real, "x", 0, train=train).scores["memorised"]
    assert interval is not None
    assert interval[0] <= CLOSE_QUANTILE <= interval[1]
    assert share < 0.1

    half = fresh.copy()
    half[::2] = train[rng.permutation(800)[:400]] + 1e-3
    measured = score_features(half, real, "x", 0, train=train)
    assert measured.scores["memorised"].value == pytest.approx(0.5 + CLOSE_QUANTILE / 2, abs=0.05)
    assert len(measured.closest) == 8
    for pair in measured.closest:
        assert pair.generated % 2 == 0
        assert pair.ratio < 0.1
        np.testing.assert_allclose(half[pair.generated], train[pair.train], atol=2e-3)


def test_only_classes_with_enough_images_are_scored() -> None:
    rng = np.random.default_rng(0)
    fake, real = features(330, rng), features(330, rng)
    fake[:150] *= 2
    labels = np.repeat([0, 1, 2], [150, 150, 30])
    by_class = score_features(fake, real, "x", 0, classes=Classes(["odd", "good", "rare"], labels, labels)).by_class
    assert list(by_class) == ["odd", "good"]
    assert by_class["odd"].value > 2 * by_class["good"].value
    assert by_class["odd"].value == pytest.approx(compare_frechet(fake[:150], real[:150]).value, rel=1e-9)
