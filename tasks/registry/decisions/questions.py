"""The question to a person about a version: put, answered, closed or expired. All of it is in the version's tags."""

import logging
from datetime import UTC, datetime, timedelta

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from tasks.home import Home
from tasks.registry.champion import decision, is_same, one_at_a_time
from tasks.registry.versions import find_champion
from tasks.tracking.approvals import APPROVED, DECLINED, EXPIRED, WAITING, Approval, State, how_to_decide, in_words
from tasks.tracking.descriptions import write_descriptions
from tasks.tracking.model_ref import uri_of
from tasks.tracking.tags import VersionTags

__all__ = [
    "answer",
    "ask",
    "close_question",
    "expire_overdue",
    "find_refusal",
    "is_asked",
    "read_approval",
    "remember_flow_run",
]

logger = logging.getLogger(__name__)


def read_approval(version: ModelVersion) -> Approval:
    """Return the question that was asked about a version, and its answer."""
    return Approval.of(VersionTags.of(version))


def is_asked(version: ModelVersion) -> bool:
    """Return whether the version waits for a person, and the time limit has not passed."""
    approval = read_approval(version)
    return approval.state == WAITING and not approval.is_overdue()


def find_refusal(version: ModelVersion, *, asks: bool) -> str:
    """Return why an earlier answer keeps the version from being promoted. Empty if there is no such answer.

    A person's refusal holds until a person approves the version. A time limit that has passed counts only if the policy
    asks a person (`asks`).
    """
    approval = read_approval(version)
    if approval.state == DECLINED or (asks and (approval.state == EXPIRED or approval.is_overdue())):
        uri = uri_of(version)
        return f"{approval.describe(uri)}; to promote it all the same: shardgan approve {uri} --anyway"
    return ""


def ask(
    client: MlflowClient, version: ModelVersion, champion: ModelVersion | None, finding: str, days: float, protocol: str
) -> str:
    """Let the version wait for a person, and return a sentence that says how to decide.

    A question that is open stays as it is, if champion and protocol are the same. The caller holds `one_at_a_time`.
    """
    against = str(champion.version) if champion else ""
    tags, now = VersionTags.of(version), datetime.now(UTC)
    if not is_asked(version) or (tags.approval_against, tags.approval_protocol) != (against, protocol):
        VersionTags(
            approval_asked=now.isoformat(timespec="seconds"),
            approval_until=(now + timedelta(days=days)).isoformat(timespec="seconds"),
            approval_against=against,
            approval_protocol=protocol,
            approval_finding=finding,
            approval_run="",
            approval_by="",
            approval_reason="",
            approval_at="",
        ).write(client, version)
        VersionTags(approval=WAITING).write(client, version)  # last, so that no half-written question can be answered
    approval = read_approval(client.get_model_version(version.name, version.version))
    why = f"{finding}; waits for a person until {in_words(approval.until)}: {how_to_decide(uri_of(version))}"
    decision(why, promoted=False).write(client, version)
    write_descriptions(client, version)
    return why


def close_question(client: MlflowClient, version: ModelVersion) -> None:
    """Close an open question: the rule no longer promotes the version, or the time limit has passed."""
    version = client.get_model_version(version.name, version.version)
    approval = read_approval(version)
    if approval.is_overdue():
        answer(client, version, EXPIRED, "", "")
    elif approval.state == WAITING:
        VersionTags(approval="").write(client, version)


def remember_flow_run(client: MlflowClient, version: ModelVersion, flow_run: str) -> None:
    """Record the flow run that waits in Prefect for the answer."""
    VersionTags(approval_run=flow_run).write(client, version)


def expire_overdue(client: MlflowClient, home: Home) -> list[str]:
    """Record for each question whose time limit has passed that the version is not promoted. Return a sentence each.

    A question about a version that became champion in another way is closed as well.
    """
    sentences = []
    tag = VersionTags.name("approval")
    for found in client.search_model_versions(f"tags.`{tag}` = '{WAITING}'"):
        with one_at_a_time(home):
            version = client.get_model_version(found.name, found.version)
            approval = read_approval(version)
            if approval.state != WAITING:  # it was answered since the search
                continue
            if is_same(version, find_champion(client, version.name)):
                VersionTags(approval="").write(client, version)
                sentences.append(f"{uri_of(version)} became champion in another way; nobody is asked about it any more")
            elif approval.is_overdue():
                answer(client, version, EXPIRED, "", "")
                sentences.append(f"{uri_of(version)}: {approval.describe(uri_of(version))}")
    return sentences


def answer(client: MlflowClient, version: ModelVersion, state: State, by: str, reason: str) -> None:
    """Record the answer in the version's tags and description. The caller holds `one_at_a_time`."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    VersionTags(approval=state, approval_by=by, approval_reason=reason, approval_at=at).write(client, version)
    if state != APPROVED:  # an approval is recorded by `record_champion`
        answered = read_approval(client.get_model_version(version.name, version.version))
        decision(answered.describe(uri_of(version)), promoted=False).write(client, version)
    write_descriptions(client, version)
    logger.info("%s was %s%s", uri_of(version), state, f" by {by}" if by else "")
