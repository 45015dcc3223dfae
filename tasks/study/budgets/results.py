"""The arms' scores put together, and the sentence that a person reads first."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.study.budgets.arms import Arm
from tasks.study.budgets.config import name_budget
from tasks.study.budgets.scoring import ArmScores
from tasks.study.report.tables import figure
from tasks.study.results import Distance, codec_name

PNG = "png"
FEWER = 1.5  # so many times fewer bytes for the same distance are worth a sentence


@dataclass(frozen=True)
class ArmResult:
    """One codec at one budget, trained on plainly or robustly, with all its seeds."""

    arm: Arm
    robust: bool
    scores: Sequence[ArmScores]

    @property
    def name(self) -> str:
        """The arm for people: `JPEG 15, known`."""
        return f"{codec_name(self.arm.codec)}{', known' if self.robust else ''}"

    def distance(self, score: str) -> Distance:
        """The mean over the seeds, with an interval that holds the intervals of all seeds."""
        found = [judge for one in self.scores for judge in one.judges if score in judge.values]
        intervals = [judge.intervals[score] for judge in found if score in judge.intervals]
        return Distance.over([judge.values[score] for judge in found], intervals)


@dataclass(frozen=True)
class BudgetResults:
    """All arms that have a score. The last judge decides: where there are two, it is the one that no training uses."""

    dataset: str
    arms: Sequence[ArmResult]

    @property
    def judges(self) -> list[str]:
        """The names of the Fréchet distances, the deciding one last."""
        return [
            next(name for name in scores.values if name == "FID" or name.startswith("FD-"))
            for scores in self.arms[0].scores[0].judges
        ]

    @property
    def budgets(self) -> list[int]:
        """The budgets in bytes, the smallest first."""
        return sorted({one.arm.budget for one in self.arms})

    def ranked(self, budget: int, score: str) -> list[ArmResult]:
        """The arms of a budget, the closest to the clean images first."""
        found = [one for one in self.arms if one.arm.budget == budget]
        return sorted(found, key=lambda one: one.distance(score).value)


def advise(results: BudgetResults) -> str:
    """Say which codec to choose at the largest budget, how sure that is, and how many bytes PNG needs for the same."""
    budget, score = results.budgets[-1], results.judges[-1]
    best, *others = results.ranked(budget, score)
    distance = best.distance(score)
    sentence = (
        f"With {name_budget(budget)}, {best.name} ({best.arm.num_images:,} images) comes closest to the clean images: "
        f"{score} {_interval(distance)}"
    )
    png = next((one for one in others if one.arm.codec == PNG), None)
    if png:
        sentence += f", where PNG ({png.arm.num_images:,} images) comes to {_interval(png.distance(score))}"
    return " ".join([f"{sentence}.", *_certainty(results, best, others), *_fewer_bytes(results)])


def _certainty(results: BudgetResults, best: ArmResult, others: Sequence[ArmResult]) -> list[str]:
    score = results.judges[-1]
    equal = [one.name for one in others if one.distance(score).low <= best.distance(score).high]
    said = []
    if others:
        said = [
            "Its interval is apart from all others." if not equal else f"Not told apart from it: {', '.join(equal)}."
        ]
    for judge in results.judges[:-1]:
        first = results.ranked(best.arm.budget, judge)[0]
        if first.name != best.name:
            said.append(f"{judge} puts {first.name} first, so the judges disagree.")
    seeds = min(len(one.scores) for one in [best, *others])
    if seeds < 3:
        said.append(f"{seeds} training{'s' if seeds > 1 else ''} of each: another seed can turn close ones around.")
    return said


def _fewer_bytes(results: BudgetResults) -> list[str]:
    """Say with how many times fewer bytes an arm comes as close as PNG does at the largest budget."""
    score = results.judges[-1]
    pngs = [one for one in results.arms if one.arm.codec == PNG]
    if not pngs:
        return []
    png = max(pngs, key=lambda one: one.arm.num_bytes)
    close = [
        one for one in results.arms if one.arm.codec != PNG and one.distance(score).value <= png.distance(score).value
    ]
    least = min(close, key=lambda one: one.arm.num_bytes, default=None)
    if least is None or png.arm.num_bytes < FEWER * least.arm.num_bytes:
        return []
    return [
        f"{least.name} with {name_budget(least.arm.num_bytes)} is as close as PNG with "
        f"{name_budget(png.arm.num_bytes)}: {png.arm.num_bytes / least.arm.num_bytes:.1f} times fewer bytes."
    ]


def _interval(distance: Distance) -> str:
    return f"{figure(distance.value)} [{figure(distance.low)} to {figure(distance.high)}]"
