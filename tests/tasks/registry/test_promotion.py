from pathlib import Path

import pytest

from models.errors import ConfigError
from models.metrics.config import EvalConfig
from models.metrics.evaluation import Scores
from models.metrics.protocol import Protocol
from tasks.home import home
from tasks.registry.config import PromotionPolicy, check_floors
from tasks.registry.promotion import judge, promote
from tasks.registry.versions import CHAMPION, find_champion
from tasks.tracking.runs import connect

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
POLICY = PromotionPolicy()


def scores(value: float, protocol: Protocol = PROTOCOL) -> Scores:
    return Scores(values={"FD-EffNetLite0": value}, protocol=protocol)


def test_the_first_one_wins() -> None:
    verdict = judge(scores(5.0), None, POLICY)
    assert verdict.promoted
    assert verdict.why == "there was no champion; FD-EffNetLite0 is 5.000"


@pytest.mark.parametrize(("mine", "promoted"), [(4.9, True), (5.0, False), (5.1, False)])
def test_only_a_better_one_wins(mine: float, promoted: bool) -> None:
    verdict = judge(scores(mine), scores(5.0), POLICY)
    assert verdict.promoted is promoted
    assert "against the champion's 5.000" in verdict.why


@pytest.mark.parametrize(("mine", "promoted"), [(4.4, True), (4.6, False)])
def test_the_gain_asked_for_must_be_reached(mine: float, promoted: bool) -> None:
    assert judge(scores(mine), scores(5.0), PromotionPolicy(min_gain=0.1)).promoted is promoted


def many(value: float, interval: tuple[float, float] = (4.5, 5.5), **others: float) -> Scores:
    values = {"FD-EffNetLite0": value} | others
    return Scores(values=values, protocol=PROTOCOL, intervals={"FD-EffNetLite0": interval})


@pytest.mark.parametrize(("mine", "promoted"), [(4.4, True), (4.6, False), (5.6, False)])
def test_being_better_may_have_to_be_sure(mine: float, promoted: bool) -> None:
    verdict = judge(many(mine), many(5.0), PromotionPolicy(outside_interval=True))
    assert verdict.promoted is promoted
    assert promoted or "below 4.500 was asked for" in verdict.why


def test_a_champion_without_an_interval_cannot_be_left_behind_surely() -> None:
    verdict = judge(scores(0.1), scores(5.0), PromotionPolicy(outside_interval=True))
    assert not verdict.promoted
    assert "no interval" in verdict.why


@pytest.mark.parametrize(("mine", "promoted"), [(0.54, False), (0.56, True), (0.4, False)])
def test_more_coverage_is_better(mine: float, promoted: bool) -> None:
    policy = PromotionPolicy(score="coverage", min_gain=0.1)
    verdict = judge(many(5.0, coverage=mine), many(5.0, coverage=0.5), policy)
    assert verdict.promoted is promoted


@pytest.mark.parametrize(
    ("floor", "expected"),
    [
        ({"min_recall": 0.3}, "recall is 0.200, at least 0.3 was asked for"),
        ({"min_coverage": 0.5}, "coverage is 0.400, at least 0.5 was asked for"),
        ({"max_memorised": 0.1}, "memorised is 0.600, at most 0.1 was asked for"),
        ({"min_classifier_gain": 0.02}, "classifier-gain is 0.010, at least 0.02 was asked for"),
        ({"min_recall": 0.1, "min_coverage": 0.4, "max_memorised": 0.6, "min_classifier_gain": 0}, None),
    ],
)
@pytest.mark.parametrize("champion", [None, many(5.0)])
def test_floors_hold_with_and_without_a_champion(
    floor: dict[str, float], expected: str | None, champion: Scores | None
) -> None:
    mine = many(1.0, **{"recall": 0.2, "coverage": 0.4, "memorised": 0.6, "classifier-gain": 0.01})
    verdict = judge(mine, champion, PromotionPolicy(**floor))  # type: ignore[arg-type]
    assert verdict.promoted is (expected is None)
    assert expected is None or verdict.why == expected


def test_a_floor_for_what_was_not_measured_holds() -> None:
    verdict = judge(scores(1.0), None, PromotionPolicy(max_memorised=0.5))
    assert not verdict.promoted
    assert "memorised, which was not measured" in verdict.why


@pytest.mark.parametrize(
    ("floor", "unmeasured"),
    [({"min_classifier_gain": 0.0}, {"classifier_nimg": 0}), ({"max_memorised": 0.1}, {"num_train": 0})],
)
def test_a_floor_that_nothing_measures_is_refused(floor: dict[str, float], unmeasured: dict[str, int]) -> None:
    policy = PromotionPolicy(**floor)  # type: ignore[arg-type]
    (name,) = unmeasured
    with pytest.raises(ConfigError, match=f"evaluate.{name} is 0"):
        check_floors(policy, EvalConfig(**unmeasured))  # type: ignore[arg-type]
    check_floors(policy, EvalConfig(classifier_nimg=20_000))


def test_scores_of_different_protocols_are_never_compared() -> None:
    other = PROTOCOL.model_copy(update={"num_generated": 20})
    verdict = judge(scores(0.1), scores(5.0, other), POLICY)
    assert not verdict.promoted
    assert "num_generated: 10 != 20" in verdict.why


def test_a_score_that_was_not_measured_promotes_nothing() -> None:
    verdict = judge(scores(0.1), None, PromotionPolicy(score="FID"))
    assert not verdict.promoted
    assert "FID, which was not measured (there are FD-EffNetLite0)" in verdict.why


def test_the_alias_moves_and_the_reason_stays_as_tags(home_dir: Path) -> None:
    client = connect(home())
    client.create_registered_model("m")
    first, second = (client.create_model_version("m", f"file://{home_dir}/{name}") for name in "ab")

    assert promote(client, home(), first, scores(5.0), None, POLICY).promoted
    worse = promote(client, home(), second, scores(6.0), (first, scores(5.0)), POLICY)
    assert not worse.promoted
    champion = find_champion(client, "m")
    assert champion is not None
    assert champion.version == first.version
    assert client.get_model_version("m", second.version).tags["gate.why"] == worse.why

    better = promote(client, home(), second, scores(4.0), (first, scores(5.0)), POLICY)
    assert better.promoted
    assert client.get_model_version_by_alias("m", CHAMPION).version == second.version
    assert client.get_model_version("m", first.version).tags["gate.promoted"] == "true"


def test_a_verdict_over_a_champion_that_changed_meanwhile_does_not_count(home_dir: Path) -> None:
    client = connect(home())
    client.create_registered_model("m")
    first, second = (client.create_model_version("m", f"file://{home_dir}/{name}") for name in "ab")
    promote(client, home(), first, scores(5.0), None, POLICY)
    verdict = promote(client, home(), second, scores(1.0), None, POLICY)
    assert not verdict.promoted
    assert "the champion changed" in verdict.why


def test_switched_off_it_promotes_nothing(home_dir: Path) -> None:
    client = connect(home())
    client.create_registered_model("m")
    version = client.create_model_version("m", f"file://{home_dir}/a")
    assert not promote(client, home(), version, scores(5.0), None, PromotionPolicy(enabled=False)).promoted
    assert find_champion(client, "m") is None
