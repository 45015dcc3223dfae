"""The promotion rule: a challenger becomes champion if it clears the floors and is better under the same protocol."""

import logging
from collections.abc import Mapping
from typing import NamedTuple

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict

from models.metrics.config import LEAST_IMAGES
from models.metrics.directions import CLASSIFIER_GAIN, higher_is_better, same_score
from models.metrics.evaluation import Scores
from models.metrics.floors import find_missed_floors
from models.metrics.judges import base_name, is_of, label_of, second_name
from tasks.home import Home
from tasks.registry.champion import decision, is_same, make_champion, one_at_a_time, read_history, show_decision
from tasks.registry.config import PromotionPolicy
from tasks.registry.decisions.questions import ask, close_question, find_refusal
from tasks.registry.versions import find_champion
from tasks.tracking.descriptions import write_descriptions
from tasks.tracking.tags import VersionTags

logger = logging.getLogger(__name__)


class Rival(NamedTuple):
    """The present champion with its scores, or with the reason why it cannot be loaded."""

    version: ModelVersion
    scores: Scores | None
    problem: str = ""


class Verdict(BaseModel):
    """What the promotion rule decided, and why in one sentence."""

    model_config = ConfigDict(frozen=True)

    promoted: bool
    why: str
    waiting: bool = False  # the rule would promote it, and a person was asked to approve it


class NetsUsed(NamedTuple):
    """The feature nets that the trainings of both versions used, by name, each with its use."""

    challenger: Mapping[str, str] = {}
    champion: Mapping[str, str] = {}


def judge(
    challenger: Scores, champion: Scores | None, policy: PromotionPolicy, used: NetsUsed | None = None
) -> Verdict:
    """Decide by `policy`. Floors come first, then the comparison with the champion under the same protocol.

    A score whose feature net one of the trainings used decides nothing.
    """
    if missed := find_missed(challenger, policy):
        return Verdict(promoted=False, why="; ".join(missed))
    if policy.score not in challenger.values:
        return Verdict(promoted=False, why=f"promote.score is {policy.score}, {_not_measured(challenger)}")
    if dependence := _find_dependence(challenger, champion, policy, used or NetsUsed()):
        return Verdict(promoted=False, why=dependence)
    mine = challenger.values[policy.score]
    if champion is None:
        return Verdict(promoted=True, why=f"there was no champion; {policy.score} is {mine:.3f}")
    if differences := challenger.protocol.differences(champion.protocol):
        return Verdict(promoted=False, why=f"the scores have different protocols: {'; '.join(differences)}")
    return _compare(mine, champion, policy)


def _find_dependence(challenger: Scores, champion: Scores | None, policy: PromotionPolicy, used: NetsUsed) -> str:
    """Return a sentence if one of the trainings used the score's feature net. Empty if the score may decide."""
    net = challenger.net_of(policy.score)
    uses = {"this version's": used.challenger.get(net), "the champion's": used.champion.get(net) if champion else None}
    whose, use = next(((whose, use) for whose, use in uses.items() if use), ("", ""))
    if policy.independent == "off" or not use:
        return ""
    kind = base_name(policy.score)
    all_used = {*used.challenger, *(used.champion if champion else ())}
    free = [name for name in challenger.values if base_name(name) == kind and challenger.net_of(name) not in all_used]
    advice = f"set promote.score to {free[0]}" if free else "evaluate with a feature net that the training did not use"
    return (
        f"promote.score is {policy.score}, which decides nothing here, because {whose} training used its feature net "
        f"{net} ({use}): {advice}"
    )


class Limit(NamedTuple):
    """A lower limit of a score, or an upper limit if `sign` is -1."""

    score: str
    limit: float
    sign: int = 1


def limits_asked_for(policy: PromotionPolicy) -> list[Limit]:
    """Return the limits that the policy sets in addition to the default floors."""
    asked = [
        (policy.min_recall > 0, Limit("recall", policy.min_recall)),
        (policy.min_coverage > 0, Limit("coverage", policy.min_coverage)),
        (policy.max_memorised < 1, Limit("memorised", policy.max_memorised, -1)),
        (policy.min_classifier_gain > -1, Limit(CLASSIFIER_GAIN, policy.min_classifier_gain)),
    ]
    return [limit for is_asked, limit in asked if is_asked]


def find_missed(scores: Scores, policy: PromotionPolicy) -> list[str]:
    """Return one sentence for each floor or limit that the scores miss, or that was not measured."""
    missed = _missed_floors(scores) if policy.floors == "on" else []
    for asked, limit, sign in limits_asked_for(policy):
        name = _of_deciding_judge(asked, scores, policy)
        value = scores.values.get(name)
        if value is None:
            missed.append(f"a limit is set for {name}, {_not_measured(scores)}")
        elif sign * value < sign * limit and not same_score(value, limit):
            missed.append(f"{name} is {value:.3f}, {'at least' if sign > 0 else 'at most'} {limit:g} was asked for")
    return missed


def _of_deciding_judge(name: str, scores: Scores, policy: PromotionPolicy) -> str:
    """Return the name that this score has for the judge whose score decides, if that judge measured it."""
    label = label_of(scores.protocol.second_net)
    own = second_name(name, label)
    return own if is_of(policy.score, label) and own in scores.values else name


def _missed_floors(scores: Scores) -> list[str]:
    """Return a sentence for each default floor that the scores miss. The last one says what can be done."""
    protocol = scores.protocol
    missed = find_missed_floors(scores.values, scores.baselines, protocol.num_generated, protocol.num_reference)
    if min(protocol.num_generated, protocol.num_reference) < LEAST_IMAGES:
        return [f"{'; '.join(missed)} (raise evaluate.num_images or shard.val_fraction, or set promote.floors to off)"]
    return missed if scores.baselines else ["the scores come without floors: evaluate again"]


def _not_measured(scores: Scores) -> str:
    """Return the second half of a sentence about a score that was not measured."""
    return f"which was not measured (there are {', '.join(scores.values)})"


def _compare(mine: float, champion: Scores, policy: PromotionPolicy) -> Verdict:
    theirs = champion.values[policy.score]
    sign = 1 if higher_is_better(policy.score) else -1
    needed = theirs + sign * policy.min_gain * abs(theirs)
    asked = bool(policy.min_gain)
    interval = champion.intervals.get(policy.score)
    if policy.outside_interval:
        if interval is None:
            return Verdict(
                promoted=False,
                why=f"the champion's {policy.score} has no interval, and promote.outside_interval needs one",
            )
        needed, asked = sign * max(sign * needed, sign * interval[sign > 0]), True
    comparison = f"{policy.score} {mine:.3f} against the champion's {theirs:.3f}"
    if sign * mine > sign * needed and not same_score(mine, needed):
        return Verdict(promoted=True, why=f"better: {comparison}")
    margin = f", and {'above' if sign > 0 else 'below'} {needed:.3f} was asked for" if asked else ""
    return Verdict(promoted=False, why=f"not better: {comparison}{margin}")


def promote(
    client: MlflowClient,
    home: Home,
    version: ModelVersion,
    challenger: Scores,
    champion: Rival | None,
    policy: PromotionPolicy,
) -> Verdict:
    """Judge the challenger and move the alias if it wins. The reason is kept in the version's tags and in Prefect."""
    with one_at_a_time(home):
        now = find_champion(client, version.name)
        used = NetsUsed(nets_used(version), nets_used(champion.version) if champion else {})
        verdict = _verdict(version, now, challenger, champion, policy, used)
        if verdict.promoted:
            verdict = _ask_people(client, version, now, challenger, policy, verdict)
        if verdict.promoted:
            make_champion(client, version, verdict.why, read_history(client, version.name))
        elif not verdict.waiting and not is_same(now, version):  # a champion keeps the reason for its promotion
            close_question(client, version)
            decision(verdict.why, promoted=False).write(client, version)
            write_descriptions(client, version)
    logger.info("%s version %s: %s", version.name, version.version, verdict.why)
    decided = "promoted" if verdict.promoted else "waits for approval" if verdict.waiting else "not promoted"
    show_decision(version, decided, verdict.why, grounds(challenger, champion, policy, used))
    return verdict


def _ask_people(
    client: MlflowClient,
    version: ModelVersion,
    champion: ModelVersion | None,
    challenger: Scores,
    policy: PromotionPolicy,
    verdict: Verdict,
) -> Verdict:
    """Return the verdict on a version that the rule would promote: an earlier decision of a person, or a question."""
    asks = policy.approval == "ask"
    version = client.get_model_version(version.name, version.version)  # somebody may have answered meanwhile
    if refusal := find_refusal(version, asks=asks):
        return Verdict(promoted=False, why=refusal)
    if not asks:
        return verdict
    why = ask(client, version, champion, verdict.why, policy.approval_days, challenger.protocol.digest())
    return Verdict(promoted=False, why=why, waiting=True)


def nets_used(version: ModelVersion) -> dict[str, str]:
    """Return the feature nets that the version's training used, by name, each with its use. Reads no other tag."""
    return VersionTags(feature_nets=version.tags.get(VersionTags.name("feature_nets"), "")).nets_used()


def grounds(
    challenger: Scores, champion: Rival | None, policy: PromotionPolicy, used: NetsUsed | None = None
) -> dict[str, str]:
    """Return the facts behind a verdict, in words: both scores, protocol, nets used in training, and policy."""
    facts = {policy.score: _with_interval(challenger, policy.score)}
    if champion:
        theirs = _with_interval(champion.scores, policy.score) if champion.scores else champion.problem
        facts[f"champion's, version {champion.version.version}"] = theirs
    limits = [_of_deciding_judge(limit.score, challenger, policy) for limit in limits_asked_for(policy)]
    facts |= {name: _with_interval(challenger, name) for name in limits}
    if used:
        nets = ", ".join(f"{net} ({use})" for net, use in used.challenger.items())
        facts["feature nets used in training"] = nets or "none"
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
    used: NetsUsed,
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
        return _judge_without(challenger, champion, policy, used)
    return judge(challenger, champion.scores if champion else None, policy, used)


def _judge_without(challenger: Scores, champion: Rival, policy: PromotionPolicy, used: NetsUsed) -> Verdict:
    """Decide without a champion that can be loaded: by the floors, and by `policy.unusable_champion`."""
    verdict = judge(challenger, None, policy, used)
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
