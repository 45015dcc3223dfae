"""Limits as sentences: each follows from one score, one fact of the data or of the training, and from nothing else."""

import pytest

from models.metrics.evaluation import Scores
from tasks.evaluation.dossier.limits import Evidence, find_limits
from tests.tasks.evaluation.dossier.conftest import protocol, scores

SPEC = {
    "arguments": {"resolution": 32, "channels": 1, "num_classes": 2},
    "labels": ["one", "two"],
    "sha256": {"marking": ""},
}
BY_CLASS = {"one": 10.0, "two": 11.0}


def limits(found: Scores | None = None, **evidence: object) -> list[str]:
    values = {"scored": [found or scores(by_class=BY_CLASS)], "spec": SPEC} | evidence
    return find_limits(Evidence(**values))  # type: ignore[arg-type]


def test_good_scores_leave_only_the_size_of_the_images() -> None:
    assert limits() == ["It makes grey images of 32x32 pixels, and no others."]


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (scores({"recall": 0.2}), "It leaves out much of what is in its data: recall is 0.200"),
        (scores({"recall-MobileNetV2": 0.2}), "judged by mobilenetv2, so about 80 of 100 real images lie outside"),
        (scores({"precision": 0.1}), "so about 90 of 100 generated images lie outside of the real ones."),
        (scores({"coverage": 0.3}), "It covers a part of its data only: coverage is 0.300"),
        (scores({"memorised": 0.5}, intervals={"memorised": (0.4, 0.6)}), "It repeats training images: memorised is"),
        (scores({"classifier-gain": -0.02}), "Its images made a classifier worse that also learned from them"),
        (scores({"FD-MobileNetV2": 95.0}), "It is not better than a trivial generator: FD-MobileNetV2 is 95.0"),
        (scores(baselines={}), "No floors were measured"),
        (scores(protocol=protocol(num_reference=50)), "they compare 2,000 generated with 50 real images"),
        (scores(protocol=protocol(second_net="")), "Only one judge, efficientnet-lite0, scored it"),
        (scores(protocol=protocol(num_train=0)), "Copies of training images were not looked for"),
        (scores(by_class={"one": 10.0}), "there is no score of its own for the class two: that takes 100 images"),
        (scores(by_class={"one": 10.0, "two": 40.0, "three": 11.0}), "It is worse at two than at other classes"),
    ],
)
def test_a_poor_score_is_told(found: Scores, sentence: str) -> None:
    assert sentence in " ".join(limits(found))


def test_what_lies_in_the_interval_of_nothing_copied_is_not_called_copied() -> None:
    assert not any("repeats" in one for one in limits(scores({"memorised": 0.055}, by_class=BY_CLASS)))


def test_facts_of_the_model_and_its_training_are_told() -> None:
    assert "Nobody has scored this version, so nothing is known" in " ".join(limits(scored=[]))
    unconditional = SPEC | {"arguments": {"resolution": 32, "channels": 3, "num_classes": 0}}
    assert "It cannot be asked for a class, although its data has 2 classes." in limits(spec=unconditional)
    assert "Files that its own code makes do not say" in " ".join(limits(spec=SPEC | {"sha256": {}}))
    told = " ".join(limits(nets={"mobilenetv2": "its features guide the discriminator"}))
    assert "Its training used the judge mobilenetv2 (its features guide the discriminator)" in told
    assert "An event of its training (collapse): all images alike" in limits(events={"collapse": "all images alike"})
