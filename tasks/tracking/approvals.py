"""Whether a person was asked to approve a version, and what the person decided. Read from the version's tags.

Imports neither MLflow nor Prefect, because `shardgan show` uses it.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Self, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from tasks.errors import RegistryError

if TYPE_CHECKING:
    from tasks.tracking.tags import VersionTags

__all__ = [
    "APPROVED",
    "DECLINED",
    "EXPIRED",
    "WAITING",
    "Approval",
    "State",
    "how_to_decide",
    "in_a_word",
    "in_words",
]

State = Literal["", "waiting", "approved", "declined", "expired"]
WAITING, APPROVED, DECLINED, EXPIRED = get_args(State)[1:]


class Approval(BaseModel):
    """A question to a person and its answer. All fields are empty where nobody was asked."""

    model_config = ConfigDict(frozen=True)

    state: State = ""
    asked: AwareDatetime | None = None
    until: AwareDatetime | None = None  # time limit
    against: str = ""  # number of the champion that the version was compared with; empty: there was none
    finding: str = ""  # what the promotion rule found
    by: str = ""  # who decided
    reason: str = ""
    at: AwareDatetime | None = None  # when it was decided

    @classmethod
    def of(cls, tags: "VersionTags") -> Self:
        """Read what a version's tags say. Raises RegistryError for a time that is none."""
        times = {"asked": tags.approval_asked, "until": tags.approval_until, "at": tags.approval_at}
        try:
            return cls(
                state=tags.approval,
                against=tags.approval_against,
                finding=tags.approval_finding,
                by=tags.approval_by,
                reason=tags.approval_reason,
                **{name: datetime.fromisoformat(text) for name, text in times.items() if text},
            )
        except (ValidationError, ValueError) as error:
            raise RegistryError(f"the tags shardgan.approval_* are not those of a question: {error}") from error

    def is_overdue(self, now: datetime | None = None) -> bool:
        """Return whether nobody has decided within the time limit."""
        return self.state == WAITING and self.until is not None and (now or datetime.now(UTC)) > self.until

    def describe(self, uri: str) -> str:
        """Say in one sentence what the state is. It is empty where nobody was asked."""
        if not self.state:
            return ""
        because = f": {self.reason}" if self.reason else ""
        if self.state == APPROVED:
            return f"approved by {self.by} on {in_words(self.at)}{because}"
        if self.state == DECLINED:
            return f"declined by {self.by} on {in_words(self.at)}{because}"
        if self.state == EXPIRED or self.is_overdue():
            return f"not promoted: nobody decided until {in_words(self.until)}, which was the time limit"
        return f"waits for a person until {in_words(self.until)}: {how_to_decide(uri)}"


def in_a_word(state: State) -> str:
    """Return the name of the state of a flow run that asked and got this answer."""
    return {APPROVED: "Approved", DECLINED: "Declined", EXPIRED: "Not promoted"}.get(state, "Nothing to ask")


def how_to_decide(uri: str) -> str:
    """Return the two commands that decide about a version."""
    return f"shardgan approve {uri}, or shardgan decline {uri}"


def in_words(time: datetime | None) -> str:
    """Write a time for people: 2026-11-27 08:30 UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if time else "an unknown date"
