"""The gate: the one place where the alias champion is moved, and only to a better model under the same protocol."""

import logging
from typing import Literal, NamedTuple

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict, Field

from models import Settings
from models.errors import ConfigError
from models.metrics.config import EvalConfig
from models.metrics.evaluation import Scores
from models.metrics.scores import CLASSIFIER_GAIN, higher_is_better
from tasks.home import Home
from tasks.registry.champion import decision, is_same, make_champion, one_at_a_time, show_decision
from tasks.registry.history import read_history
from tasks.registry.versions import find_champion

logger = logging.getLogger(__name__)


class PromotionPolicy(Settings):
    """When a challenger becomes champion."""

    score: str = Field(
        "FD-EffNetLite0",
        title="Score",
        description="the score that decides; lower is better, but for precision, recall, density and coverage",
        min_length=1,
        max_length=64,
    )
    min_gain: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Smallest gain",
        description="share of the champion's score by which the challenger must be better",
    )
    outside_interval: bool = Field(
        False,
        title="Outside the interval",
        description="the challenger's score must lie outside the champion's 95% interval, not just be better",
    )
    min_recall: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Least recall",
        description="share of the real images that the generator must be able to make; 0: any",
    )
    min_coverage: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Least coverage",
        description="share of the real images that must have a generated one near by; 0: any",
    )
    max_memorised: float = Field(
        1.0,
        ge=0,
        le=1,
        title="Most memorised",
        description="share of generated images that may lie closer to a training image than 95% of new real images "
        "do; about 0.05 for a generator that copies nothing; 1: any",
    )
    min_classifier_gain: float = Field(
        -1.0,
        ge=-1,
        lt=1,
        title="Least classifier gain",
        description="accuracy that generated images must add to a classifier trained on a tenth of the real ones: 0.02 "
        "is two points. Needs evaluate.classifier_nimg; -1: any",
    )
    unusable_champion: Literal["keep", "replace"] = Field(
        "keep",
        title="Unusable champion",
        description="when the present champion cannot be loaded (unsigned, altered or lost files): keep leaves the "
        "alias where it is until a person decides, replace judges the challenger without it",
    )
    enabled: bool = Field(
        True,
        title="Promote",
        description="off: scores and the verdict are recorded, the alias stays where it is",
    )


class Rival(NamedTuple):
    """The present champion with its scores; where it cannot be loaded, with the reason instead."""

    version: ModelVersion
    scores: Scores | None
    problem: str = ""


class Verdict(BaseModel):
    """What the promotion rule decided, and why in one sentence."""

    model_config = ConfigDict(frozen=True)

    promoted: bool
    why: str


def judge(challenger: Scores, champion: Scores | None, policy: PromotionPolicy) -> Verdict:
    """Decide by `policy`: floors first, then the champion; different protocols are never compared."""
    if missed := find_missed_floors(challenger, policy):
        return Verdict(promoted=False, why="; ".join(missed))
    if policy.score not in challenger.values:
        return Verdict(promoted=False, why=f"promote.score is {policy.score}, {_not_measured(challenger)}")
    mine = challenger.values[policy.score]
    if champion is None:
        return Verdict(promoted=True, why=f"there was no champion; {policy.score} is {mine:.3f}")
    if differences := challenger.protocol.differences(champion.protocol):
        return Verdict(promoted=False, why=f"the scores have different protocols: {'; '.join(differences)}")
    return _compare(mine, champion, policy)


def check_floors(policy: PromotionPolicy, config: EvalConfig) -> None:
    """Raise ConfigError for a floor that `config` does not measure: nothing could ever pass it."""
    if policy.min_classifier_gain > -1 and not config.gain:
        raise ConfigError(
            f"promote.min_classifier_gain is {policy.min_classifier_gain:g}, but evaluate.classifier_nimg is 0: give "
            "the classifiers images to see, 20000 for instance, or leave the floor at -1"
        )
    if policy.max_memorised < 1 and not config.num_train:
        raise ConfigError(
            f"promote.max_memorised is {policy.max_memorised:g}, but evaluate.num_train is 0: give it training images "
            "to look among, or leave the limit at 1"
        )


class Floor(NamedTuple):
    """The least, or where `sign` is -1 the most, that a score may be."""

    score: str
    limit: float
    sign: int = 1


def floors(policy: PromotionPolicy) -> list[Floor]:
    """The floors that the policy asks for."""
    asked = [
        (policy.min_recall > 0, Floor("recall", policy.min_recall)),
        (policy.min_coverage > 0, Floor("coverage", policy.min_coverage)),
        (policy.max_memorised < 1, Floor("memorised", policy.max_memorised, -1)),
        (policy.min_classifier_gain > -1, Floor(CLASSIFIER_GAIN, policy.min_classifier_gain)),
    ]
    return [floor for is_asked, floor in asked if is_asked]


def find_missed_floors(scores: Scores, policy: PromotionPolicy) -> list[str]:
    """One sentence for each floor that the scores miss, or that was asked for and not measured."""
    missed = []
    for name, limit, sign in floors(policy):
        value = scores.values.get(name)
        if value is None:
            missed.append(f"a limit is set for {name}, {_not_measured(scores)}")
        elif sign * value < sign * limit:
            missed.append(f"{name} is {value:.3f}, {'at least' if sign > 0 else 'at most'} {limit:g} was asked for")
    return missed


def _compare(mine: float, champion: Scores, policy: PromotionPolicy) -> Verdict:
    theirs = champion.values[policy.score]
    sign = 1 if higher_is_better(policy.score) else -1
    needed = theirs + sign * policy.min_gain * abs(theirs)
    asked = bool(policy.min_gain)
    interval = champion.intervals.get(policy.score)
    if policy.outside_interval:
        if interval is None:
            return Verdict(promoted=False, why=f"the champion's {policy.score} has no interval to be outside of")
        needed, asked = sign * max(sign * needed, sign * interval[sign > 0]), True
    comparison = f"{policy.score} {mine:.3f} against the champion's {theirs:.3f}"
    if sign * mine > sign * needed:
        return Verdict(promoted=True, why=f"better: {comparison}")
    margin = f", and {'above' if sign > 0 else 'below'} {needed:.3f} was asked for" if asked else ""
    return Verdict(promoted=False, why=f"not better: {comparison}{margin}")


def _not_measured(scores: Scores) -> str:
    return f"which was not measured (there are {', '.join(scores.values)})"


def promote(
    client: MlflowClient,
    home: Home,
    version: ModelVersion,
    challenger: Scores,
    champion: Rival | None,
    policy: PromotionPolicy,
) -> Verdict:
    """Judge, move the alias if the challenger wins, and leave the reason as tags on its version and in Prefect."""
    with one_at_a_time(home):
        now = find_champion(client, version.name)
        verdict = _verdict(version, now, challenger, champion, policy)
        if verdict.promoted:
            make_champion(client, version, verdict.why, read_history(client, version.name))
        elif not is_same(now, version):  # a champion keeps the reasons for which it became one
            decision(verdict.why, promoted=False).write(client, version)
    logger.info("%s version %s: %s", version.name, version.version, verdict.why)
    decided = "promoted" if verdict.promoted else "not promoted"
    show_decision(version, decided, verdict.why, grounds(challenger, champion, policy))
    return verdict


def grounds(challenger: Scores, champion: Rival | None, policy: PromotionPolicy) -> dict[str, str]:
    """What a verdict rests on, in words: the two scores, their protocol, and the policy."""
    facts = {policy.score: _with_interval(challenger, policy.score)}
    if champion:
        theirs = _with_interval(champion.scores, policy.score) if champion.scores else champion.problem
        facts[f"champion's, version {champion.version.version}"] = theirs
    facts |= {floor.score: _with_interval(challenger, floor.score) for floor in floors(policy)}
    settings = ", ".join(f"{name} {value}" for name, value in policy.model_dump(exclude={"score"}).items())
    return facts | {"protocol": challenger.protocol.digest(), "policy": settings}


def _with_interval(scores: Scores, name: str) -> str:
    if name not in scores.values:
        return "not measured"
    interval = scores.intervals.get(name)
    return f"{scores.values[name]:.4g}" + (f" ({interval[0]:.4g} to {interval[1]:.4g})" if interval else "")


def _verdict(
    version: ModelVersion,
    now: ModelVersion | None,
    challenger: Scores,
    champion: Rival | None,
    policy: PromotionPolicy,
) -> Verdict:
    if is_same(now, version):
        return Verdict(promoted=False, why=f"version {version.version} is the champion already")
    if not is_same(now, champion.version if champion else None):
        return Verdict(
            promoted=False,
            why=f"the champion changed to version {now and now.version} meanwhile: evaluate again",
        )
    if not policy.enabled:
        return Verdict(promoted=False, why="promotion is switched off (promote.enabled)")
    if champion and champion.scores is None:
        return _judge_without(challenger, champion, policy)
    return judge(challenger, champion.scores if champion else None, policy)


def _judge_without(challenger: Scores, champion: Rival, policy: PromotionPolicy) -> Verdict:
    """Decide where the champion cannot be loaded: by the floors, and by what the policy says of such a champion."""
    verdict = judge(challenger, None, policy)
    unusable = f"the champion, version {champion.version.version}, cannot be used ({champion.problem})"
    if not verdict.promoted:
        return Verdict(promoted=False, why=f"{verdict.why}; {unusable}")
    if policy.unusable_champion == "replace":
        return Verdict(promoted=True, why=f"{unusable}; {policy.score} is {challenger.values[policy.score]:.3f}")
    return Verdict(
        promoted=False,
        why=f"{unusable}, and keeps its place because promote.unusable_champion is keep: roll back, promote a version "
        "by hand, or choose replace",
    )
