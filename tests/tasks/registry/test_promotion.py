import shutil
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from models.errors import ConfigError
from models.metrics.config import EvalConfig
from models.metrics.evaluation import Scores
from models.metrics.protocol import Protocol
from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry.config import LEAST_IMAGES, PromotionPolicy, check_floors
from tasks.registry.promotion import NetsUsed, Rival, judge, promote
from tasks.registry.versions import find_champion
from tasks.tracking.model_ref import CHAMPION
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags
from tests.tasks.conftest import make_version

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
POLICY = PromotionPolicy(floors="off")


@pytest.fixture
def client(home_dir: Path, mlflow_tables: Path) -> MlflowClient:
    """A registry with a model that has no versions."""
    home_dir.mkdir()
    shutil.copy(mlflow_tables, home_dir)
    client = connect(home())
    client.create_registered_model("m")
    return client


def scores(value: float, protocol: Protocol = PROTOCOL) -> Scores:
    return Scores(values={"FD-MobileNetV2": value}, protocol=protocol)


def test_the_first_one_wins() -> None:
    verdict = judge(scores(5.0), None, POLICY)
    assert verdict.promoted
    assert verdict.why == "there was no champion; FD-MobileNetV2 is 5.000"


@pytest.mark.parametrize(("mine", "promoted"), [(4.9, True), (5.0, False), (5.1, False)])
def test_only_a_better_one_wins(mine: float, promoted: bool) -> None:
    verdict = judge(scores(mine), scores(5.0), POLICY)
    assert verdict.promoted is promoted
    assert "against the champion's 5.000" in verdict.why


@pytest.mark.parametrize(("mine", "promoted"), [(4.4, True), (4.6, False)])
def test_the_gain_asked_for_must_be_reached(mine: float, promoted: bool) -> None:
    assert judge(scores(mine), scores(5.0), PromotionPolicy(floors="off", min_gain=0.1)).promoted is promoted


def many(value: float, interval: tuple[float, float] = (4.5, 5.5), **others: float) -> Scores:
    values = {"FD-MobileNetV2": value} | others
    return Scores(values=values, protocol=PROTOCOL, intervals={"FD-MobileNetV2": interval})


@pytest.mark.parametrize(("mine", "promoted"), [(4.4, True), (4.6, False), (5.6, False)])
def test_being_better_may_have_to_be_sure(mine: float, promoted: bool) -> None:
    verdict = judge(many(mine), many(5.0), PromotionPolicy(floors="off", outside_interval=True))
    assert verdict.promoted is promoted
    assert promoted or "below 4.500 was asked for" in verdict.why


def test_a_champion_without_an_interval_cannot_be_left_behind_surely() -> None:
    verdict = judge(scores(0.1), scores(5.0), PromotionPolicy(floors="off", outside_interval=True))
    assert not verdict.promoted
    assert "no interval" in verdict.why


@pytest.mark.parametrize(("mine", "promoted"), [(0.54, False), (0.56, True), (0.4, False)])
def test_more_coverage_is_better(mine: float, promoted: bool) -> None:
    policy = PromotionPolicy(floors="off", score="coverage", min_gain=0.1)
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
    verdict = judge(mine, champion, PromotionPolicy(floors="off", **floor))  # type: ignore[arg-type]
    assert verdict.promoted is (expected is None)
    assert expected is None or verdict.why == expected


def test_a_floor_for_what_was_not_measured_holds() -> None:
    verdict = judge(scores(1.0), None, PromotionPolicy(floors="off", max_memorised=0.5))
    assert not verdict.promoted
    assert "memorised, which was not measured" in verdict.why


@pytest.mark.parametrize(
    ("floor", "unmeasured"),
    [({"min_classifier_gain": 0.0}, {"classifier_nimg": 0}), ({"max_memorised": 0.1}, {"num_train": 0})],
)
def test_a_floor_that_nothing_measures_is_refused(floor: dict[str, float], unmeasured: dict[str, int]) -> None:
    policy = PromotionPolicy(floors="off", **floor)  # type: ignore[arg-type]
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
    verdict = judge(scores(0.1), None, PromotionPolicy(floors="off", score="FID"))
    assert not verdict.promoted
    assert "FID, which was not measured (there are FD-MobileNetV2)" in verdict.why


def test_the_alias_moves_and_the_reason_stays_as_tags(client: MlflowClient, home_dir: Path) -> None:
    first, second = (make_version(client, "m", home_dir / name) for name in "ab")

    assert promote(client, home(), first, scores(5.0), None, POLICY).promoted
    worse = promote(client, home(), second, scores(6.0), Rival(first, scores(5.0)), POLICY)
    assert not worse.promoted
    champion = find_champion(client, "m")
    assert champion is not None
    assert champion.version == first.version
    assert client.get_model_version("m", second.version).tags["gate.why"] == worse.why
    assert client.get_model_version("m", second.version).tags["gate.promoted"] == "false"

    again = promote(client, home(), first, scores(4.0), Rival(first, scores(5.0)), POLICY)
    assert (again.promoted, again.why) == (False, "version 1 is the champion already")
    assert client.get_model_version("m", first.version).tags["gate.promoted"] == "true"

    better = promote(client, home(), second, scores(4.0), Rival(first, scores(5.0)), POLICY)
    assert better.promoted
    assert client.get_model_version_by_alias("m", CHAMPION).version == second.version
    assert client.get_model_version("m", first.version).tags["gate.promoted"] == "true"


def test_a_verdict_over_a_champion_that_changed_meanwhile_does_not_count(client: MlflowClient, home_dir: Path) -> None:
    first, second = (make_version(client, "m", home_dir / name) for name in "ab")
    promote(client, home(), first, scores(5.0), None, POLICY)
    verdict = promote(client, home(), second, scores(1.0), None, POLICY)
    assert not verdict.promoted
    assert verdict.why == "the champion changed to version 1 meanwhile: evaluate again"
    client.delete_registered_model_alias("m", CHAMPION)
    verdict = promote(client, home(), second, scores(1.0), Rival(first, scores(5.0)), POLICY)
    assert verdict.why == "the champion changed to version None meanwhile: evaluate again"


def test_switched_off_it_promotes_nothing(client: MlflowClient, home_dir: Path) -> None:
    version = make_version(client, "m", home_dir / "a")
    assert not promote(
        client, home(), version, scores(5.0), None, PromotionPolicy(floors="off", enabled=False)
    ).promoted
    assert find_champion(client, "m") is None


@pytest.mark.parametrize(
    ("unusable", "mine", "promoted"), [("keep", 4.0, False), ("replace", 4.0, True), ("replace", 0.0, False)]
)
def test_a_champion_that_cannot_be_used_is_reported_and_replaced_by_policy_alone(
    unusable: str, mine: float, promoted: bool, client: MlflowClient, home_dir: Path
) -> None:
    first, second = (make_version(client, "m", home_dir / name) for name in "ab")
    assert promote(client, home(), first, scores(5.0), None, POLICY).promoted
    policy = PromotionPolicy.model_validate({"floors": "off", "unusable_champion": unusable, "min_recall": 0.1})
    verdict = promote(client, home(), second, many(5.0, recall=mine), Rival(first, None, "its files are lost"), policy)
    assert verdict.promoted is promoted
    assert "the champion, version 1, cannot be used (its files are lost)" in verdict.why
    assert str(client.get_model_version_by_alias("m", CHAMPION).version) == ("2" if promoted else "1")


LIMITS = {"FD-MobileNetV2": 100.0, "coverage": 0.1}


def measured(fd: float = 50.0, coverage: float = 0.9, num_generated: int = 1000, num_reference: int = 500) -> Scores:
    """Scores of an evaluation with enough images, and the floors that follow from the real ones."""
    protocol = PROTOCOL.model_copy(update={"num_generated": num_generated, "num_reference": num_reference})
    return Scores(values={"FD-MobileNetV2": fd, "coverage": coverage}, protocol=protocol, baselines=LIMITS)


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        (measured(), ""),
        (measured(fd=99.9, coverage=0.101), ""),
        (measured(fd=100.0), "FD-MobileNetV2 is 100.0, that of a usable generator is below 100.0"),
        (measured(coverage=0.1), "coverage is 0.100, that of a usable generator is above 0.100"),
        (measured(num_generated=99), "scores of 99 generated against 500 real images are unreliable"),
        (measured(num_reference=99), "at least 100 on both sides are needed (raise evaluate.num_images"),
        (measured(num_generated=100, num_reference=100), ""),
        (measured().model_copy(update={"baselines": {}}), "the scores come without floors: evaluate again"),
    ],
)
@pytest.mark.parametrize("champion", [None, measured(fd=99.95)])
def test_by_default_nothing_below_the_floors_becomes_champion(
    mine: Scores, expected: str, champion: Scores | None
) -> None:
    champion = champion and champion.model_copy(update={"protocol": mine.protocol})
    verdict = judge(mine, champion, PromotionPolicy())
    assert verdict.promoted is (expected == "")
    assert expected in verdict.why
    assert judge(mine, None, PromotionPolicy(floors="off")).promoted
    assert LEAST_IMAGES == 100  # as README and docs say


TWO = PROTOCOL.model_copy(update={"feature_net": "efficientnet-lite0", "second_net": "mobilenetv2"})
FIRST, SECOND = "FD-EffNetLite0", "FD-MobileNetV2"


def twice(first: float, second: float, **others: float) -> Scores:
    """Scores of both judges."""
    return Scores(values={FIRST: first, SECOND: second} | others, protocol=TWO)


@pytest.mark.parametrize(("score", "promoted"), [(FIRST, False), ("recall", False), (SECOND, True)])
@pytest.mark.parametrize("whose", ["challenger", "champion"])
def test_a_score_whose_net_the_training_used_decides_nothing(score: str, promoted: bool, whose: str) -> None:
    mine = twice(1.0, 1.0, **{"recall": 0.9, "recall-MobileNetV2": 0.9})
    champion = twice(5.0, 5.0, **{"recall": 0.1, "recall-MobileNetV2": 0.1})
    used = NetsUsed(**{whose: {"efficientnet-lite0": "the discriminator sees its features"}})
    verdict = judge(mine, champion, PromotionPolicy(floors="off", score=score), used)
    assert verdict.promoted is promoted
    if not promoted:
        own = "this version's" if whose == "challenger" else "the champion's"
        assert f"{own} training used its feature net efficientnet-lite0 (the discriminator sees its" in verdict.why
        assert f"set promote.score to {SECOND if score == FIRST else 'recall-MobileNetV2'}" in verdict.why
    assert judge(mine, champion, PromotionPolicy(floors="off", score=score, independent="off"), used).promoted


def test_a_training_that_used_both_nets_is_promoted_by_neither() -> None:
    used = NetsUsed({"efficientnet-lite0": "a", "mobilenetv2": "b"})
    for score in (FIRST, SECOND):
        verdict = judge(twice(1.0, 1.0), None, PromotionPolicy(floors="off", score=score), used)
        assert not verdict.promoted
        assert verdict.why.endswith("evaluate with a feature net that the training did not use")


def test_without_a_champion_the_nets_of_a_champion_do_not_count() -> None:
    used = NetsUsed({"efficientnet-lite0": "a"}, {"mobilenetv2": "b"})
    mine = twice(1.0, 1.0)
    assert judge(mine, None, PromotionPolicy(floors="off", score=SECOND), used).promoted
    refused = judge(mine, None, PromotionPolicy(floors="off", score=FIRST), used)
    assert refused.why.endswith(f"set promote.score to {SECOND}")  # no champion's training used this score's net


def test_the_nets_are_read_from_the_tags_of_both_versions(client: MlflowClient, home_dir: Path) -> None:
    first, second = (make_version(client, "m", home_dir / name) for name in "ab")
    nets = VersionTags.name("feature_nets")
    client.set_model_version_tag("m", first.version, nets, '{"mobilenetv2": "its discriminator"}')
    client.set_model_version_tag("m", second.version, nets, "{}")
    first, second = (client.get_model_version("m", one.version) for one in (first, second))
    policy = PromotionPolicy(floors="off", score=SECOND)
    assert not promote(client, home(), first, twice(5.0, 5.0), None, policy).promoted
    assert promote(client, home(), first, twice(5.0, 5.0), None, PromotionPolicy(floors="off", score=FIRST)).promoted
    verdict = promote(client, home(), second, twice(1.0, 1.0), Rival(first, twice(5.0, 5.0)), policy)
    assert not verdict.promoted
    assert "because the champion's training used its feature net mobilenetv2 (its discriminator)" in verdict.why


def test_limits_are_those_of_the_judge_that_decides() -> None:
    mine = twice(1.0, 1.0, **{"recall": 0.9, "recall-MobileNetV2": 0.2, "memorised": 0.4})
    policy = PromotionPolicy(floors="off", min_recall=0.3)
    assert judge(mine, None, policy).why == "recall-MobileNetV2 is 0.200, at least 0.3 was asked for"
    assert judge(mine, None, policy.model_copy(update={"score": FIRST})).promoted
    only = policy.model_copy(update={"min_recall": 0.0, "max_memorised": 0.1})  # measured by the first judge alone
    assert judge(mine, None, only).why == "memorised is 0.400, at most 0.1 was asked for"


def test_both_judges_have_floors() -> None:
    stamp = TWO.model_copy(update={"num_generated": 1000, "num_reference": 500})
    limits = {FIRST: 100.0, "coverage": 0.1, SECOND: 200.0, "coverage-MobileNetV2": 0.1}
    values = {FIRST: 50.0, "coverage": 0.9, SECOND: 250.0, "coverage-MobileNetV2": 0.05}
    verdict = judge(Scores(values=values, protocol=stamp, baselines=limits), None, PromotionPolicy())
    assert verdict.why == (
        "FD-MobileNetV2 is 250.0, that of a usable generator is below 200.0; "
        "coverage-MobileNetV2 is 0.050, that of a usable generator is above 0.100"
    )


def test_versions_older_than_the_tag_used_the_first_judge() -> None:
    assert VersionTags().nets_used() == {"efficientnet-lite0": "its scores choose the best checkpoint"}
    assert VersionTags(feature_nets="{}").nets_used() == {}
    with pytest.raises(RegistryError, match=r"the tag shardgan.feature_nets is 'none': expected a JSON object"):
        VersionTags(feature_nets="none").nets_used()


def test_a_second_judge_that_is_switched_off_cannot_decide() -> None:
    with pytest.raises(ConfigError, match=r"promote.score is FD-MobileNetV2, but evaluate.second_net is none"):
        check_floors(PromotionPolicy(), EvalConfig(second_net="none"))
    check_floors(PromotionPolicy(), EvalConfig(feature_net="mobilenetv2", second_net="none"))
    check_floors(PromotionPolicy(score=FIRST), EvalConfig(second_net="none"))
