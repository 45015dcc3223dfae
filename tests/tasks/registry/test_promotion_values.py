"""The promotion rule at its limits: just reached, just missed, and every bound of the policy's settings."""

import pytest
from mlflow.entities.model_registry import ModelVersion
from pydantic import ValidationError

from models.metrics.directions import CLASSIFIER_GAIN
from models.metrics.evaluation import Scores
from models.metrics.protocol import Protocol
from tasks.registry.config import PromotionPolicy
from tasks.registry.promotion import NetsUsed, Rival, Verdict, find_missed, grounds, judge, limits_asked_for

PROTOCOL = Protocol(
    feature_net="n",
    weights_sha256="0",
    input_size=64,
    resize_filter="f",
    num_generated=10,
    num_reference=10,
    dataset="d",
    dataset_version="v",
    split="val",
    seed=0,
)
FD = "FD-MobileNetV2"


def scores(intervals: dict[str, tuple[float, float]] | None = None, **values: float) -> Scores:
    named = {FD if name == "fd" else name: value for name, value in values.items()}
    return Scores(values=named, protocol=PROTOCOL, intervals=intervals or {})


@pytest.mark.parametrize(
    ("policy", "mine", "promoted"),
    [
        ({}, 7.9, True),
        ({}, 8.0, False),
        ({"min_gain": 0.25}, 5.9, True),  # 8 - 0.25 x 8 = 6 must be beaten
        ({"min_gain": 0.25}, 6.0, False),
        ({"outside_interval": True}, 6.9, True),  # the interval begins at 7
        ({"outside_interval": True}, 7.0, False),
        ({"outside_interval": True, "min_gain": 0.25}, 6.5, False),  # the stricter of the two counts
        ({"outside_interval": True, "min_gain": 0.25}, 5.9, True),
        ({"outside_interval": True, "min_gain": 0.05}, 7.3, False),
    ],
)
def test_lower_is_better(policy: dict[str, float], mine: float, promoted: bool) -> None:
    champion = scores({FD: (7.0, 9.5)}, fd=8.0)
    assert judge(scores(fd=mine), champion, PromotionPolicy(floors="off", **policy)).promoted is promoted


@pytest.mark.parametrize(
    ("policy", "mine", "promoted"),
    [
        ({}, 0.51, True),
        ({}, 0.5, False),
        ({"min_gain": 0.5}, 0.76, True),  # 0.5 + 0.5 x 0.5 = 0.75 must be beaten
        ({"min_gain": 0.5}, 0.75, False),
        ({"outside_interval": True}, 0.71, True),  # the interval ends at 0.7
        ({"outside_interval": True}, 0.7, False),
        ({"outside_interval": True, "min_gain": 0.5}, 0.74, False),
    ],
)
def test_higher_is_better(policy: dict[str, float], mine: float, promoted: bool) -> None:
    champion = scores({"coverage": (0.1, 0.7)}, coverage=0.5)
    assert (
        judge(scores(coverage=mine), champion, PromotionPolicy(floors="off", score="coverage", **policy)).promoted
        is promoted
    )


@pytest.mark.parametrize("rounding", [1e-15, 1e-6])
@pytest.mark.parametrize("score", [FD, "coverage"])
def test_what_rounding_adds_is_no_gain(score: str, rounding: float) -> None:
    """The same generator, scored on two processors, does not replace itself."""
    better = 0.5 * (1 - rounding if score == FD else 1 + rounding)
    for outside in (False, True):
        policy = PromotionPolicy(floors="off", score=score, outside_interval=outside)
        champion = scores({score: (0.5, 0.5)}, **{score: 0.5})
        assert not judge(scores(**{score: better}), champion, policy).promoted


def test_the_gain_asked_for_is_not_exceeded_by_rounding() -> None:
    assert 0.3 + 0.1 * 0.3 < 0.33
    policy = PromotionPolicy(floors="off", score="coverage", min_gain=0.1)
    assert not judge(scores(coverage=0.33), scores(coverage=0.3), policy).promoted


def test_rounding_does_not_miss_a_floor() -> None:
    gain = 0.57 - 0.55
    assert gain < 0.02
    policy = PromotionPolicy(floors="off", min_classifier_gain=0.02)
    assert find_missed(scores(**{CLASSIFIER_GAIN: gain}), policy) == []


def test_a_negative_score_asks_for_a_gain_upwards() -> None:
    """Half of |-0.2| is added, so -0.1 must be beaten."""
    policy = PromotionPolicy(floors="off", score=CLASSIFIER_GAIN, min_gain=0.5)
    champion = scores(**{CLASSIFIER_GAIN: -0.2})
    assert [judge(scores(**{CLASSIFIER_GAIN: mine}), champion, policy).promoted for mine in (-0.11, -0.09)] == [
        False,
        True,
    ]


LIMITS = [
    ({"min_recall": 0.3}, "recall", 0.3, 0.29),
    ({"min_coverage": 0.4}, "coverage", 0.4, 0.39),
    ({"max_memorised": 0.2}, "memorised", 0.2, 0.21),
    ({"min_classifier_gain": -0.5}, CLASSIFIER_GAIN, -0.5, -0.51),
    ({"min_classifier_gain": 0.0}, CLASSIFIER_GAIN, 0.0, -0.01),
]


@pytest.mark.parametrize(("policy", "name", "reached", "missed"), LIMITS)
def test_limits_are_reached_or_missed(policy: dict[str, float], name: str, reached: float, missed: float) -> None:
    asked = PromotionPolicy(floors="off", **policy)
    assert [floor.score for floor in limits_asked_for(asked)] == [name]
    assert find_missed(scores(**{name: reached}), asked) == []
    assert len(find_missed(scores(**{name: missed}), asked)) == 1
    assert len(find_missed(scores(), asked)) == 1
    assert judge(scores(**{name: reached, "fd": 1.0}), None, asked).promoted
    assert not judge(scores(**{name: missed, "fd": 1.0}), None, asked).promoted


def test_what_a_decision_rests_on_names_limits_and_intervals() -> None:
    policy = PromotionPolicy(floors="off", min_recall=0.3)
    facts = grounds(scores({FD: (7.0, 9.5)}, fd=8.0, recall=0.5), None, policy)
    assert facts[FD] == "8 (7 to 9.5)"
    assert facts["recall"] == "0.5"
    assert facts["protocol"] == PROTOCOL.digest()
    assert grounds(scores(), None, policy)["recall"] == "not measured"


def test_grounds_name_the_champion_with_its_score_or_with_its_problem() -> None:
    version = ModelVersion("m", "7", 0)
    mine, theirs = scores({FD: (7.0, 9.5)}, fd=8.0), scores({FD: (8.0, 10.0)}, fd=9.0)
    policy = PromotionPolicy(score=FD, min_gain=0.25)
    facts = grounds(mine, Rival(version, theirs), policy)
    assert facts["champion's, version 7"] == "9 (8 to 10)"
    assert "min_gain 0.25" in facts["policy"]
    assert grounds(mine, Rival(version, None, "its files are lost"), policy)["champion's, version 7"] == (
        "its files are lost"
    )
    assert grounds(mine, None, policy).keys() == {FD, "protocol", "policy"}


def test_grounds_name_the_nets_that_the_training_used() -> None:
    used = NetsUsed({"a": "its discriminator"}, {"b": "another"})
    fact = "feature nets used in training"
    assert grounds(scores(fd=8.0), None, PromotionPolicy(), used)[fact] == "a (its discriminator)"
    assert grounds(scores(fd=8.0), None, PromotionPolicy(), NetsUsed())[fact] == "none"


@pytest.mark.parametrize(
    ("score", "mine", "policy", "why"),
    [
        (FD, 5.1, {}, "not better: FD-MobileNetV2 5.100 against the champion's 5.000"),
        (FD, 4.9, {}, "better: FD-MobileNetV2 4.900 against the champion's 5.000"),
        (FD, 4.9, {"min_gain": 0.1}, "not better: FD-MobileNetV2 4.900 against the champion's 5.000, and below 4.500"),
        (
            "coverage",
            0.6,
            {"min_gain": 0.5},
            "not better: coverage 0.600 against the champion's 0.500, and above 0.750",
        ),
    ],
)
def test_verdicts_are_sentences(score: str, mine: float, policy: dict[str, float], why: str) -> None:
    champion = scores(**{FD: 5.0, "coverage": 0.5})
    verdict = judge(scores(**{score: mine}), champion, PromotionPolicy(floors="off", score=score, **policy))
    assert verdict.why == (f"{why} was asked for" if policy else why)


def test_limits_that_are_missed_are_sentences() -> None:
    policy = PromotionPolicy(floors="off", min_recall=0.3, max_memorised=0.2)
    assert find_missed(scores(recall=0.25, memorised=0.5), policy) == [
        "recall is 0.250, at least 0.3 was asked for",
        "memorised is 0.500, at most 0.2 was asked for",
    ]


def test_verdict_cannot_be_changed_afterwards() -> None:
    verdict = Verdict(promoted=False, why="no")
    with pytest.raises(ValidationError, match="frozen"):
        verdict.promoted = True


BOUNDS = [
    ("min_gain", 0.0, -0.01),
    ("min_gain", 0.99, 1.0),
    ("min_recall", 0.0, -0.01),
    ("min_recall", 1.0, 1.01),
    ("min_coverage", 0.0, -0.01),
    ("min_coverage", 1.0, 1.01),
    ("max_memorised", 0.0, -0.01),
    ("max_memorised", 1.0, 1.01),
    ("min_classifier_gain", -1.0, -1.01),
    ("min_classifier_gain", 0.99, 1.0),
    ("score", "x", ""),
    ("score", "x" * 64, "x" * 65),
]


@pytest.mark.parametrize(("field", "allowed", "refused"), BOUNDS)
def test_bounds_of_the_settings(field: str, allowed: object, refused: object) -> None:
    assert getattr(PromotionPolicy(**{field: allowed}), field) == allowed
    with pytest.raises(ValidationError, match=field):
        PromotionPolicy(**{field: refused})
