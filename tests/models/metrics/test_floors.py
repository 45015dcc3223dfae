"""Floors against values worked out by hand, and against the simplest generators there are."""

import numpy as np
import pytest

from models.metrics.floors import FEW_IMAGES, baseline_scores, expected_coverage, find_missed_floors
from models.metrics.scores import score_features

FD = "FD-x"


def clusters(seed: int, num_images: int = 300, num_features: int = 16) -> np.ndarray:
    """Features that lie in ten groups, as those of ten classes do."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(0, 3, (10, num_features))
    return (centres[rng.integers(0, 10, num_images)] + rng.normal(0, 1, (num_images, num_features))).astype(np.float32)


@pytest.mark.parametrize(
    ("reference", "distance", "coverage"),
    [
        ([[0.0, 1.0]], 0.0, 0.0),  # one image has no spread, and its ball is a point
        ([[0.0, 1.0], [2.0, 5.0]], 1.5 * (2 + 8), 15 / 16),  # one neighbour of 17 - 1 images
    ],
)
def test_floors_of_one_and_two_real_images(reference: list[list[float]], distance: float, coverage: float) -> None:
    assert baseline_scores(np.array(reference), FD) == pytest.approx({FD: distance, "coverage": coverage})


@pytest.mark.parametrize(
    ("distance", "coverage", "missed"), [(99.9, 0.21, []), (100.0, 0.21, [FD]), (99.9, 0.2, ["coverage"])]
)
def test_a_score_that_lies_on_its_floor_misses_it(distance: float, coverage: float, missed: list[str]) -> None:
    values, limits = {FD: distance, "coverage": coverage}, {FD: 100.0, "coverage": 0.2}
    assert [sentence.split()[0] for sentence in find_missed_floors(values, limits, 100, 100)] == missed


@pytest.mark.parametrize(("num_generated", "num_reference"), [(99, 100), (100, 99)])
def test_both_sides_need_a_hundred_images(num_generated: int, num_reference: int) -> None:
    (sentence,) = find_missed_floors({FD: 0.0}, {FD: 100.0}, num_generated, num_reference)
    assert f"{num_generated} generated against {num_reference} real images are unreliable" in sentence


def test_expected_coverage_is_that_of_the_paper() -> None:
    # One generated image among M real ones: k of M + 1 - 1 others are as near, so it is among them with k / M.
    assert expected_coverage(1, 100) == pytest.approx(5 / 100)
    assert expected_coverage(1000, 2) == pytest.approx(1 - 1 / 1001)
    found = []
    for seed in range(20):
        fake, real = clusters(seed, 100), clusters(1000 + seed, 100)
        found.append(score_features(fake, real, "x", 0).scores["coverage"].value)
    assert expected_coverage(100, 100) == pytest.approx(np.mean(found), abs=0.02)


def test_the_floor_of_the_distance_lies_between_the_best_and_the_average_repeated_image() -> None:
    real = clusters(1)
    spread = float(np.trace(np.cov(real.T.astype(np.float64))))
    assert baseline_scores(real, FD)[FD] == pytest.approx(1.5 * spread)
    centre = real.astype(np.float64).mean(axis=0)
    distances = ((real - centre) ** 2).sum(axis=1) + spread  # eq. 6 of Heusel et al. 2017 without a spread
    assert distances.min() > spread
    assert distances.mean() == pytest.approx(2 * spread, rel=0.01)


@pytest.mark.parametrize(
    ("name", "usable"), [("real", True), ("blurred", True), ("repeated", False), ("ten", False), ("noise", False)]
)
def test_a_usable_generator_clears_the_floors_and_trivial_ones_do_not(name: str, usable: bool) -> None:
    real, other = clusters(1), clusters(2)
    rng = np.random.default_rng(3)
    fake = {
        "real": other,
        "blurred": (other + rng.normal(0, 0.7, other.shape)).astype(np.float32),
        "repeated": np.repeat(other[:1], 300, axis=0) + rng.normal(0, 1e-3, other.shape).astype(np.float32),
        "ten": np.resize(other[:10], other.shape) + rng.normal(0, 1e-3, other.shape).astype(np.float32),
        "noise": rng.normal(10, 0.1, other.shape).astype(np.float32),
    }[name]
    scores = {key: score.value for key, score in score_features(fake, real, "x", 0).scores.items()}
    missed = find_missed_floors(scores, baseline_scores(real, FD), 300, 300)
    assert (missed == []) is usable, (scores, missed)


def test_too_few_images_are_one_sentence_and_what_is_missing_is_told() -> None:
    limits = baseline_scores(clusters(1), FD)
    assert limits["coverage"] == pytest.approx(expected_coverage(FEW_IMAGES, 300))
    (sentence,) = find_missed_floors({}, limits, 64, 10)
    assert sentence.startswith("scores of 64 generated against 10 real images are unreliable and decide nothing")
    assert find_missed_floors({FD: 0.0}, limits, 1000, 300) == ["coverage, which has a floor, was not measured"]
