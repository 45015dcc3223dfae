"""Distances relative to chance, on values whose distributions are known."""

import numpy as np
import pytest

from models.errors import EvaluationError
from models.metrics.drift import Drift, drift_of, feature_drift, kolmogorov_smirnov, total_variation


def features(seed: int, count: int, shift: float = 0.0) -> np.ndarray:
    """Vectors as a feature net gives them: positive, and correlated."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((count, 8)) @ np.random.default_rng(9).standard_normal((8, 64))
    return np.abs(mixed + shift).astype(np.float32)


@pytest.mark.parametrize("count", [20, 60, 300])
def test_images_of_the_same_kind_are_as_far_away_as_random_samples(count: int) -> None:
    same = feature_drift(features(0, 300), features(1, count), seed=0)
    assert 0.7 < same.ratio < 1.4
    assert not same.exceeds_chance


@pytest.mark.parametrize("count", [20, 60, 300])
def test_images_of_another_kind_are_farther_away_than_any_random_sample(count: int) -> None:
    other = feature_drift(features(0, 300), features(1, count, shift=3.0), seed=0)
    assert other.ratio > 1.5
    assert other.exceeds_chance


def test_more_images_show_a_smaller_difference() -> None:
    ratios = [feature_drift(features(0, 300), features(1, count, shift=1.5), seed=0).ratio for count in (10, 150)]
    assert ratios[1] > ratios[0]


def test_the_same_seed_gives_the_same_answer_and_constants_are_no_difference() -> None:
    assert feature_drift(features(0, 50), features(1, 20), seed=3) == feature_drift(
        features(0, 50), features(1, 20), seed=3
    )
    constant = np.ones((10, 4), np.float32)
    assert feature_drift(constant, constant, seed=0).ratio == 1.0
    assert feature_drift(constant, 2 * constant, seed=0).ratio == float("inf")


def test_sets_that_do_not_fit_are_refused() -> None:
    for known, new in [((3, 4), (5, 4)), ((8, 4), (1, 4)), ((8, 4), (8, 5)), ((8,), (8,))]:
        with pytest.raises(EvaluationError, match="features have shapes"):
            feature_drift(np.zeros(known, np.float32), np.zeros(new, np.float32), seed=0)
    with pytest.raises(EvaluationError, match="there are 0 known and 1 new values"):
        drift_of(np.array([]), np.array([1.0]), kolmogorov_smirnov, seed=0)


def test_shares_and_sizes_are_compared_with_random_samples() -> None:
    rng = np.random.default_rng(0)
    codecs = np.array(["JPEG"] * 70 + ["PNG"] * 30)
    assert total_variation(codecs, np.array(["JPEG"] * 7 + ["PNG"] * 3)) == pytest.approx(0)
    assert total_variation(codecs, np.array(["WEBP"])) == pytest.approx(1)
    assert not drift_of(codecs, rng.choice(codecs, 40), total_variation, seed=0).exceeds_chance
    assert drift_of(codecs, np.array(["JPEG"] * 40), total_variation, seed=0).exceeds_chance
    assert not drift_of(codecs, np.array(["JPEG"] * 2), total_variation, seed=0).exceeds_chance  # two files say little

    sizes = rng.standard_normal(200)
    assert kolmogorov_smirnov(sizes, sizes) == 0
    assert kolmogorov_smirnov(sizes, sizes + 100) == 1
    assert not drift_of(sizes, rng.standard_normal(50), kolmogorov_smirnov, seed=0).exceeds_chance
    assert drift_of(sizes, rng.standard_normal(50) + 1, kolmogorov_smirnov, seed=0).exceeds_chance
    assert Drift(0.0, 0.0, 0.0).ratio == 1.0
