"""Which scores are better when they are higher, and which are the same but for rounding."""

import pytest

from models.metrics.directions import higher_is_better, same_score


def test_which_scores_are_better_when_they_are_higher() -> None:
    names = ["FD-x", "KD-x", "FID", "memorised", "precision", "recall", "density", "coverage", "classifier-gain"]
    assert [higher_is_better(name) for name in names] == [False] * 4 + [True] * 5
    assert [higher_is_better(f"{name}-MobileNetV2") for name in names] == [False] * 4 + [True] * 5


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(30.0, 30.0002, True), (30.0, 30.001, False), (0.0, 9e-7, True), (0.0, 2e-6, False), (-30.0, -30.0002, True)],
)
def test_scores_that_differ_by_rounding_are_the_same(one: float, other: float, same: bool) -> None:
    assert same_score(one, other) is same
