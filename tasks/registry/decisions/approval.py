"""Approval by a person: a version that the promotion rule would promote waits until somebody approves or declines it.

Every process can decide: the flow that waits in Prefect, or the commands `shardgan approve` and `shardgan decline`. An
approval goes through the same function as every other promotion: the files are verified at that moment, and one process
at a time decides.
"""

import getpass

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from prefect import task
from prefect.runtime import deployment
from pydantic import BaseModel, ConfigDict

from tasks.errors import RegistryError
from tasks.home import Home, home
from tasks.registry.champion import check_reason, is_same, make_champion, one_at_a_time, read_history, show_decision
from tasks.registry.decisions.questions import answer, read_approval
from tasks.registry.versions import find_champion, resolve_version
from tasks.tracking.approvals import APPROVED, DECLINED, WAITING, Approval, State
from tasks.tracking.model_ref import uri_of
from tasks.tracking.runs import connect

__all__ = [
    "ApprovalOutcome",
    "approve",
    "approve_version",
    "decline",
    "decline_version",
    "describe_question",
    "name_person",
]


class ApprovalOutcome(BaseModel):
    """What was decided about a version, by whom and why, and which version is champion now."""

    model_config = ConfigDict(frozen=True)

    model: str
    decision: State
    by: str
    reason: str
    why: str  # as a sentence
    champion: str | None

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        return [("model", self.model), ("decision", self.why), ("champion", self.champion or "none yet")]


@task(task_run_name="approve-{model}")
def approve_version(model: str, by: str, reason: str, anyway: bool) -> ApprovalOutcome:
    """Make the version that `model` names champion, if a person was asked about it."""
    client = connect(home())
    return approve(client, home(), resolve_version(client, model), name_person(by), reason, anyway=anyway)


@task(task_run_name="decline-{model}")
def decline_version(model: str, by: str, reason: str) -> ApprovalOutcome:
    """Record that a person does not want the version that `model` names as champion."""
    client = connect(home())
    return decline(client, home(), resolve_version(client, model), name_person(by), reason)


def name_person(by: str) -> str:
    """Return the name of the person who decides. If `by` is empty, return the name of the user who runs the command.

    Raises RegistryError for an empty `by` in a flow run that a worker started: its user is not the person who decides.
    """
    if by.strip():
        return " ".join(by.split())
    if deployment.id:
        raise RegistryError("nobody is named: set `by` to the name of the person who decides")
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise RegistryError("this user has no name: give the name of the person who decides with --by") from error


def approve(
    client: MlflowClient, home: Home, version: ModelVersion, by: str, reason: str, *, anyway: bool = False
) -> ApprovalOutcome:
    """Make a version champion for which a person was asked.

    Raises RegistryError, and changes nothing, if nobody was asked, if the files fail verification, or if the answer
    comes too late: somebody declined the version, the time limit has passed, or the champion has changed since the
    question was put. With `anyway`, a late answer is accepted.
    """
    check_reason(reason)
    with one_at_a_time(home):
        version = client.get_model_version(version.name, version.version)
        now = find_champion(client, version.name)
        _check_approvable(version, now, anyway)
        words = f"approved by {by}" + (f": {reason}" if reason else "")
        make_champion(client, version, words, read_history(client, version.name))
        answer(client, version, APPROVED, by, reason)
    return _show(client, version, "approved")


def decline(client: MlflowClient, home: Home, version: ModelVersion, by: str, reason: str) -> ApprovalOutcome:
    """Record that a person does not want the version as champion. It is not promoted by a later evaluation either.

    Raises RegistryError if nobody was asked about the version, or if it is champion.
    """
    check_reason(reason)
    with one_at_a_time(home):
        version = client.get_model_version(version.name, version.version)
        _check_asked(version, find_champion(client, version.name))
        answer(client, version, DECLINED, by, reason)
    return _show(client, version, "declined")


def _check_asked(version: ModelVersion, champion: ModelVersion | None) -> Approval:
    uri = uri_of(version)
    if is_same(version, champion):
        raise RegistryError(f"{uri} is the champion already")
    approval = read_approval(version)
    if not approval.state:
        raise RegistryError(
            f"nobody was asked about {uri}: evaluate it with promote.approval=ask, or promote it by hand: "
            f"shardgan promote --model {uri} --why REASON"
        )
    return approval


def _check_approvable(version: ModelVersion, champion: ModelVersion | None, anyway: bool) -> None:
    uri = uri_of(version)
    approval = _check_asked(version, champion)
    if anyway:
        return
    remedy = f"evaluate again (shardgan evaluate --model {uri}), or approve it all the same with --anyway"
    if approval.state != WAITING or approval.is_overdue():
        raise RegistryError(f"{uri} does not wait for an approval ({approval.describe(uri)}): {remedy}")
    against, now = approval.against, str(champion.version) if champion else ""
    if against != now:
        raise RegistryError(
            f"the question about {uri} was put when {_champion(against, 'was')}, "
            f"and now {_champion(now, 'is')}: {remedy}"
        )


def _champion(number: str, verb: str) -> str:
    return f"version {number} {verb} champion" if number else f"there {verb} no champion"


def _show(client: MlflowClient, version: ModelVersion, decided: str) -> ApprovalOutcome:
    outcome = describe_question(uri_of(version))
    approval = read_approval(client.get_model_version(version.name, version.version))
    facts = {"finding": approval.finding, "compared with": approval.against or "none"}
    show_decision(version, decided, outcome.why, facts)
    return outcome


def describe_question(model: str) -> ApprovalOutcome:
    """Return the present state of the question about the version that `model` names."""
    client = connect(home())
    version = resolve_version(client, model)
    approval, champion = read_approval(version), find_champion(client, version.name)
    return ApprovalOutcome(
        model=uri_of(version),
        decision=approval.state,
        by=approval.by,
        reason=approval.reason,
        why=approval.describe(uri_of(version)) or "nobody is asked about it",
        champion=uri_of(champion) if champion else None,
    )
