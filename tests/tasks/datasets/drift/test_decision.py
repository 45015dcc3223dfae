"""What is worth a training, and the sentences that explain it."""

from typing import Any

import pytest

from tasks.datasets.config import DriftPolicy
from tasks.datasets.drift.decision import Comparison, Difference, advise

POLICY = DriftPolicy()


def difference(ratio: float, largest: float = 1.3) -> Difference:
    return Difference(distance=ratio, by_chance=1.0, largest=largest, ratio=ratio, exceeds_chance=ratio > largest)


def found(**changes: Any) -> Comparison:
    common = {"model": "models:/m/3", "dataset": "m@0a", "known": 1000, "listed": 1200, "new": 200, "sampled": 200}
    return Comparison.model_validate(
        common | {"usable": 200, "feature_net": "efficientnet-lite0", "features": difference(1.02)} | changes
    )


def test_more_of_the_same_is_not_worth_a_training() -> None:
    advice = advise(found(), POLICY)
    assert not advice.train
    assert advice.why == (
        "there are 200 new images (20% of m@0a), and they are like the known ones, with 1.02 times that between random "
        "halves of the dataset as their distance in efficientnet-lite0; drift.growth asks for 50%"
    )
    assert advice.noticed == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"features": difference(2.5)}, "they look different, with 2.50 times that between random halves"),
        ({"new_classes": {"fox": 40, "owl": 3}}, "the champion does not know the class 'fox' (40 files)"),
        ({"new": 600, "sampled": 600, "usable": 600}, "the dataset grows by 60%, and drift.growth is 50%"),
    ],
)
def test_each_reason_alone_is_worth_a_training(changes: dict[str, Any], reason: str) -> None:
    advice = advise(found(**changes), POLICY)
    assert advice.train
    assert reason in advice.why


def test_a_distance_that_chance_explains_is_no_reason() -> None:
    assert not advise(found(features=difference(1.6, largest=1.9)), POLICY).train
    assert not advise(found(features=None), POLICY).train


def test_too_few_new_images_are_not_worth_it_whatever_they_show() -> None:
    few = found(new=200, sampled=100, usable=40, features=difference(9.0), new_classes={"fox": 100})
    advice = advise(few, POLICY)
    assert not advice.train
    assert advice.why == "there are about 80 new images (8% of m@0a), and drift.min_new asks for at least 100"
    assert advise(few, DriftPolicy(min_new=80)).train
    assert advise(found(new=0, sampled=0, usable=0), POLICY).why == "there is no new file among the 1,200 of the source"


def test_what_is_no_reason_is_noticed() -> None:
    noticed = advise(
        found(
            sizes=difference(2.0),
            classes=difference(2.0),
            codecs=difference(2.0),
            codec_shares={"JPEG": (0.5, 1.0), "PNG": (0.5, 0.0)},
            refused=Difference(distance=0.3, by_chance=0.01, largest=0.05, ratio=30, exceeds_chance=True),
            reasons={"truncated": 50, "too_small": 2},
        ),
        POLICY,
    ).noticed
    than_chance = "by more than chance: a distance of 2.00, and at most 1.30 in random samples of the dataset"
    assert noticed == [
        f"the mix of known classes differs {than_chance}",
        f"the sizes of the files differ {than_chance}",
        "the codecs differ by more than chance: JPEG 50% before and 100% now, PNG 50% before and 0% now",
        "the share of refused files is 30% higher than in the dataset, most of them as truncated",
    ]
