"""The gate: the one place where the alias champion is moved, and only to a better model under the same protocol."""

import logging
from typing import NamedTuple

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict

from models.metrics.evaluation import Scores
from models.metrics.scores import CLASSIFIER_GAIN, higher_is_better
from tasks.home import Home
from tasks.registry.champion import crown, is_same, leave_reason, one_at_a_time, show_decision
from tasks.registry.config import PromotionPolicy
from tasks.registry.versions import find_champion

logger = logging.getLogger(__name__)


class Verdict(BaseModel):
    """What the gate decided, and why in one sentence."""

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
    champion: tuple[ModelVersion, Scores] | None,
    policy: PromotionPolicy,
) -> Verdict:
    """Judge, move the alias if the challenger wins, and leave the reason as tags on its version and in Prefect."""
    with one_at_a_time(home):
        now = find_champion(client, version.name)
        verdict = _verdict(version, now, challenger, champion, policy)
        if verdict.promoted:
            crown(client, version, now, verdict.why)
        elif not is_same(now, version):  # a champion keeps the reasons for which it became one
            leave_reason(client, version, verdict.why, promoted=False)
    logger.info("%s version %s: %s", version.name, version.version, verdict.why)
    decision = "promoted" if verdict.promoted else "not promoted"
    show_decision(version, decision, verdict.why, grounds(challenger, champion, policy))
    return verdict


def grounds(
    challenger: Scores, champion: tuple[ModelVersion, Scores] | None, policy: PromotionPolicy
) -> dict[str, str]:
    """What a verdict rests on, in words: the two scores, their protocol, and the policy."""
    facts = {policy.score: _with_interval(challenger, policy.score)}
    if champion:
        facts[f"champion's, version {champion[0].version}"] = _with_interval(champion[1], policy.score)
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
    champion: tuple[ModelVersion, Scores] | None,
    policy: PromotionPolicy,
) -> Verdict:
    if is_same(now, version):
        return Verdict(promoted=False, why=f"version {version.version} is the champion already")
    rival = champion[0] if champion else None
    if not is_same(now, rival):
        return Verdict(
            promoted=False,
            why=f"the champion changed to version {now and now.version} meanwhile: evaluate again",
        )
    if not policy.enabled:
        return Verdict(promoted=False, why="promotion is switched off (promote.enabled)")
    return judge(challenger, champion[1] if champion else None, policy)
