"""Diversity against values that follow from geometry, and what it notices and does not notice."""

import json
import math

import numpy as np
import pytest

from models.metrics.diversity import Diversity, mean_distance, measure_diversity

REAL = np.random.default_rng(0).normal(size=(80, 16)).astype(np.float32)
LABELS = np.arange(80) % 2


def simplex(size: int, edge: float) -> np.ndarray:
    """Corners of a regular simplex: each pair is `edge` apart."""
    return (np.eye(size) * edge / math.sqrt(2)).astype(np.float32)


def test_the_mean_distance_of_a_triangle_with_sides_3_4_and_5() -> None:
    assert mean_distance(np.array([[0, 0], [3, 0], [0, 4]], np.float32)) == pytest.approx(4.0)


def test_two_groups_of_simplexes_give_ratios_that_follow_from_their_edges() -> None:
    """Real classes have edges 2 and 4, generated ones 1 and 4; pairs across the classes are right-angled."""
    labels = np.repeat([0, 1], 10)
    features = [np.zeros((20, 20), np.float32) for _ in range(2)]
    for made, edges in zip(features, ((1, 4), (2, 4)), strict=True):
        for label, edge in enumerate(edges):
            made[labels == label] = np.eye(20)[labels == label] * edge / math.sqrt(2)
    found = measure_diversity(features[0], features[1], (labels, labels))
    assert found is not None
    assert found.by_class == pytest.approx({0: 0.5, 1: 1.0})
    assert found.within == pytest.approx(0.75)
    # 45 pairs within each class, 100 across; those have the legs edge / sqrt 2.
    across = [math.sqrt((a**2 + b**2) / 2) for a, b in ((1, 4), (2, 4))]
    means = [45 * a + 45 * b + 100 * c for (a, b), c in zip(((1, 4), (2, 4)), across, strict=True)]
    assert found.overall == pytest.approx(means[0] / means[1], rel=1e-6)


def test_one_image_repeated_has_none_and_other_real_images_have_all_of_it() -> None:
    repeated = measure_diversity(np.repeat(REAL[:1], 50, axis=0), REAL)
    others = measure_diversity(np.random.default_rng(1).normal(size=(80, 16)).astype(np.float32), REAL)
    assert repeated is not None
    assert others is not None
    assert repeated.overall == 0
    assert repeated.below(0.5) == {"all images": 0.0}
    assert others.overall == pytest.approx(1.0, abs=0.1)
    assert others.below(0.5) == {}


def test_one_image_for_each_class_is_found_within_the_classes() -> None:
    made = np.stack([REAL[0] * 3, REAL[1] * 3])[LABELS]
    found = measure_diversity(made, REAL, (LABELS, LABELS))
    assert found is not None
    assert found.overall > 0.5
    assert found.below(0.5) == {"class 0": 0.0, "class 1": 0.0}


def test_classes_with_few_images_say_nothing() -> None:
    few = np.where(np.arange(80) < 7, 1, 0)
    found = measure_diversity(REAL, REAL, (few, few))
    assert found is not None
    assert list(found.by_class) == [0]


@pytest.mark.parametrize(("made", "real"), [(REAL[:7], REAL), (REAL, REAL[:7]), (REAL, np.repeat(REAL[:1], 9, axis=0))])
def test_nothing_to_compare_gives_nothing(made: np.ndarray, real: np.ndarray) -> None:
    assert measure_diversity(made, real) is None


def test_more_images_than_are_compared_are_evenly_spaced_ones() -> None:
    assert mean_distance(np.repeat(simplex(1001, 2.0), 2, axis=0)) == pytest.approx(2.0, rel=0.01)


def test_it_survives_json() -> None:
    before = Diversity(0.9, {0: 0.5, 11: 1.0}, 0.7)
    assert Diversity.of(json.loads(json.dumps(before.as_row()))) == before
