"""Scores and intervals against values worked out with scipy and numpy, or by hand."""

import math

import numpy as np
import pytest
import scipy.stats

from models.features.feature_net import FID_NET
from models.metrics.distances import compare_frechet, kernel_distance
from models.metrics.neighbours import compare_manifolds
from models.metrics.scores import (
    Classes,
    _share,
    classifier_score,
    score_features,
)

RNG = np.random.default_rng(0)
FAKE, REAL, TRAIN = (RNG.normal(shift, 1, (n, 4)).astype(np.float32) for shift, n in ((0.7, 40), (0, 50), (0, 60)))
SHARES = ("precision", "recall", "coverage", "memorised")


def around(value: float, error: float, least: float = -math.inf) -> object:
    """The interval of 1.96 standard errors on both sides."""
    return pytest.approx((max(value - 1.96 * error, least), value + 1.96 * error))


def test_shares_have_wilsons_interval() -> None:
    scores = score_features(FAKE, REAL, "x", 0, train=TRAIN).scores
    numbers = dict.fromkeys(SHARES, 40) | dict.fromkeys(("recall", "coverage"), 50)
    for name in SHARES:
        share, interval = scores[name]
        assert 0 < share < 1, "a share of nothing or of everything does not tell the formulas apart"
        hits = round(share * numbers[name])
        expected = scipy.stats.binomtest(hits, numbers[name]).proportion_ci(0.95, "wilson")
        assert interval == pytest.approx((expected.low, expected.high), abs=1e-4)


@pytest.mark.parametrize("hit", [True, False])
def test_the_interval_of_a_share_stays_between_nothing_and_everything(hit: bool) -> None:
    intervals = [_share(np.full(n, hit)).interval for n in range(1, 200)]
    for n, (low, high) in enumerate(intervals, 1):
        assert 0 <= low < high <= 1
        assert (1 - low if hit else high) == pytest.approx(1.96**2 / (n + 1.96**2))


def test_distances_have_the_intervals_of_their_errors() -> None:
    scores = score_features(FAKE, REAL, "x", 3).scores
    frechet, kernel = compare_frechet(FAKE, REAL), kernel_distance(FAKE, REAL, seed=3, num_subsets=50)
    assert scores["FD-x"] == (pytest.approx(frechet.value), around(frechet.value, frechet.error))
    assert scores["KD-x"] == (pytest.approx(kernel.value), around(kernel.value, kernel.error))
    assert scores["KD-x-std"] == (pytest.approx(kernel.std), None)
    density = compare_manifolds(FAKE, REAL).density
    error = density.std() / math.sqrt(40)
    assert scores["density"] == (pytest.approx(density.mean()), around(density.mean(), error))


def test_a_distance_of_nothing_has_no_negative_interval() -> None:
    found = score_features(REAL, REAL, "x", 0)
    assert found.scores["FD-x"].interval == around(0.0, compare_frechet(REAL, REAL).error, least=0.0)
    assert found.scores["KD-x"].interval[0] < 0


def test_density_without_a_hit_has_the_interval_of_the_rule_of_three() -> None:
    far = score_features(FAKE + 100, REAL, "x", 0).scores
    assert far["density"] == (0, pytest.approx((0, 3 / 40)))


def test_two_images_have_no_interval_of_the_kernel_distance() -> None:
    assert score_features(FAKE[:2], REAL[:2], "x", 0).scores["KD-x"].interval is None


def test_the_distances_of_inception_have_names_of_their_own() -> None:
    assert {"FID", "KID", "KID-std"} < score_features(FAKE, REAL, FID_NET, 0).scores.keys()
    assert {"FD-x", "KD-x", "KD-x-std"} < score_features(FAKE, REAL, "x", 0).scores.keys()


@pytest.mark.parametrize(("n", "sharpness"), [(60, 1.0), (5, 3.0), (40, 0.1)])
def test_classifier_score_is_the_exponential_of_the_mean_entropy(n: int, sharpness: float) -> None:
    """Five images allow a score above the number of classes, and nearly equal ones one below 1: neither is possible."""
    p = scipy.special.softmax(np.random.default_rng(1).normal(0, sharpness, (n, 3)), axis=1)
    divergences = scipy.stats.entropy(p, p.mean(axis=0)[None], axis=1)
    mean, error = divergences.mean(), scipy.stats.sem(divergences)
    low, high = max(1, np.exp(mean - 1.96 * error)), min(3, np.exp(mean + 1.96 * error))
    assert classifier_score(p) == (pytest.approx(np.exp(mean)), pytest.approx((low, high)))
    if n == 60:
        assert 1 < low < high < 3


def test_classifier_score_is_the_number_of_classes_where_all_are_made_and_sure() -> None:
    value, interval = classifier_score(np.repeat(np.eye(4), 5, axis=0))
    assert (value, interval) == (pytest.approx(4), pytest.approx((4, 4)))
    found = score_features(FAKE[:20], REAL, "x", 0, predictions=np.repeat(np.eye(4), 5, axis=0)).scores
    assert found["classifier-score"].value == pytest.approx(4)


def test_memorised_images_are_as_near_as_a_twentieth_of_held_out_ones() -> None:
    """On a line with training images at -100, 0 and 100. Held-out images lie 1 to 21 from 0: a twentieth within 2."""
    train = np.array([[-100.0], [0], [100]], np.float32)
    real = np.arange(1, 22, dtype=np.float32)[:, None]
    fake = np.array([[91], [8], [107], [-6], [-105], [104], [3], [-97.5], [101.5], [0]], np.float32)
    measured = score_features(fake, real, "x", 0, train=train)
    assert measured.scores["memorised"].value == pytest.approx(2 / 10)
    expected = [(9, 1), (8, 2), (7, 0), (6, 1), (5, 2), (4, 0), (3, 1), (2, 2)]
    assert [(pair.generated, pair.train) for pair in measured.closest] == expected
    assert [pair.ratio for pair in measured.closest] == pytest.approx([0, 0.75, 1.25, 1.5, 2, 2.5, 3, 3.5])


def test_copies_are_memorised_where_held_out_images_are_copies_too() -> None:
    """Then the distance of a twentieth of the held-out images is 0, and nothing is nearer than that."""
    fake = np.concatenate([REAL, FAKE])
    assert score_features(fake, REAL, "x", 0, train=REAL).scores["memorised"].value == pytest.approx(50 / 90)


def test_without_training_images_nothing_is_memorised() -> None:
    measured = score_features(FAKE, REAL, "x", 0, train=TRAIN[:0])
    assert "memorised" not in measured.scores
    assert measured.closest == []
    assert measured.by_class == {}


@pytest.mark.parametrize(("num_fake", "num_real", "is_scored"), [(100, 100, True), (99, 200, False), (200, 99, False)])
def test_a_class_is_scored_from_a_hundred_images_on_both_sides(num_fake: int, num_real: int, is_scored: bool) -> None:
    rng = np.random.default_rng(0)
    fake, real = rng.normal(0, 0.1, (num_fake + 5, 3)), rng.normal(0, 0.1, (num_real + 9, 3))
    classes = Classes(["a", "b"], np.arange(num_fake + 5) >= num_fake, np.arange(num_real + 9) >= num_real)
    by_class = score_features(fake, real, "x", 0, classes=classes).by_class
    expected = compare_frechet(fake[:num_fake], real[:num_real])
    score = pytest.approx(expected.value), around(expected.value, expected.error, least=0.0)
    assert by_class == ({"a": score} if is_scored else {})
