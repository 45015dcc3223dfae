"""The table that a person sees before deciding: both values of each score, and which one is better."""

from models.metrics.evaluation import Scores
from tasks.evaluation.approval_page import describe_scores
from tests.tasks.registry.test_promotion import PROTOCOL


def test_scores_are_shown_with_their_differences() -> None:
    mine = Scores(
        values={"FD-MobileNetV2": 4.0, "KD-MobileNetV2-std": 0.1, "recall": 0.4, "density": 1.0, "new|": 2.0},
        intervals={"FD-MobileNetV2": (3.5, 4.5)},
        protocol=PROTOCOL,
    )
    theirs = Scores(values={"FD-MobileNetV2": 5.0, "recall": 0.5, "density": 1.0}, protocol=PROTOCOL)
    assert describe_scores(mine, theirs) == [
        ("FD-MobileNetV2", "4 (3.5 to 4.5)", "5", "-1, better"),
        ("recall", "0.4", "0.5", "-0.1, worse"),
        ("density", "1", "1", "the same"),
        ("new\\|", "2", "-", "-"),
    ]
    assert describe_scores(mine, None, intervals=False)[0] == ("FD-MobileNetV2", "4", "-", "-")
