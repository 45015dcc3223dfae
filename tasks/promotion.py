"""The gate: the one place where the alias champion is moved, and only to a better model under the same protocol."""

import logging

import filelock
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict, Field

from models.evaluation import Scores
from tasks.home import Home
from tasks.registry import CHAMPION, find_champion, tag_version

logger = logging.getLogger(__name__)


class PromotionPolicy(BaseModel):
    """When a challenger becomes champion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: str = Field(
        "FD-EffNetLite0",
        title="Score",
        description="the score that decides; lower is better",
        min_length=1,
        max_length=64,
    )
    min_gain: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Smallest gain",
        description="share of the champion's score by which the challenger must be below it",
    )
    enabled: bool = Field(
        True,
        title="Promote",
        description="off: scores and the verdict are recorded, the alias stays where it is",
    )


class Verdict(BaseModel):
    """What the gate decided, and why in one sentence."""

    model_config = ConfigDict(frozen=True)

    promoted: bool
    why: str


def judge(challenger: Scores, champion: Scores | None, policy: PromotionPolicy) -> Verdict:
    """Decide by `policy`; without a champion any challenger wins, and different protocols are never compared."""
    if policy.score not in challenger.values:
        known = ", ".join(challenger.values)
        return Verdict(
            promoted=False, why=f"promote.score is {policy.score}, which was not measured (there are {known})"
        )
    mine = challenger.values[policy.score]
    if champion is None:
        return Verdict(promoted=True, why=f"there was no champion; {policy.score} is {mine:.3f}")
    if differences := challenger.protocol.differences(champion.protocol):
        return Verdict(promoted=False, why=f"the scores have different protocols: {'; '.join(differences)}")
    theirs = champion.values[policy.score]
    needed = theirs * (1 - policy.min_gain)
    comparison = f"{policy.score} {mine:.3f} against the champion's {theirs:.3f}"
    if mine < needed:
        return Verdict(promoted=True, why=f"better: {comparison}")
    margin = f", and below {needed:.3f} was asked for" if policy.min_gain else ""
    return Verdict(promoted=False, why=f"not better: {comparison}{margin}")


def promote(
    client: MlflowClient,
    home: Home,
    version: ModelVersion,
    challenger: Scores,
    champion: tuple[ModelVersion, Scores] | None,
    policy: PromotionPolicy,
) -> Verdict:
    """Judge, move the alias if the challenger wins, and leave the reason as tags on its version."""
    with filelock.FileLock(home.root / "promotion.lock"):
        now = find_champion(client, version.name)
        if now and is_same(now, version):
            return Verdict(promoted=False, why=f"version {version.version} is the champion already")
        verdict = _verdict(now, challenger, champion, policy)
        if verdict.promoted:
            client.set_registered_model_alias(version.name, CHAMPION, version.version)
        tag_version(client, version, {"gate.promoted": str(verdict.promoted).lower(), "gate.why": verdict.why})
    logger.info("%s version %s: %s", version.name, version.version, verdict.why)
    return verdict


def _verdict(
    now: ModelVersion | None,
    challenger: Scores,
    champion: tuple[ModelVersion, Scores] | None,
    policy: PromotionPolicy,
) -> Verdict:
    rival = champion[0] if champion else None
    if not is_same(now, rival):
        return Verdict(
            promoted=False,
            why=f"the champion changed to version {now and now.version} meanwhile: evaluate again",
        )
    if not policy.enabled:
        return Verdict(promoted=False, why="promotion is switched off (promote.enabled)")
    return judge(challenger, champion[1] if champion else None, policy)


def is_same(one: ModelVersion | None, other: ModelVersion | None) -> bool:
    """Whether both are the same version, or both none; MLflow gives the number now as int, now as str."""
    if one is None or other is None:
        return one is other
    return (one.name, str(one.version)) == (other.name, str(other.version))
