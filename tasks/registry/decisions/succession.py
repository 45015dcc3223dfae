"""Champions made by hand: promote a version for a reason, or go back to the champion before."""

from collections.abc import Sequence

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from prefect import task
from pydantic import BaseModel, ConfigDict

from tasks.errors import RegistryError
from tasks.home import Home, home
from tasks.registry.champion import check_reason, is_same, make_champion, one_at_a_time, read_history, show_decision
from tasks.registry.versions import find_champion, resolve_version
from tasks.tracking.model_ref import ModelRef, uri_of
from tasks.tracking.runs import connect


class SuccessionOutcome(BaseModel):
    """Which version is champion now, which one was before, and what was skipped on the way."""

    model_config = ConfigDict(frozen=True)

    champion: str
    before: str | None
    why: str
    skipped: list[str] = []

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        skipped = [("skipped", sentence) for sentence in self.skipped]
        return [("champion", self.champion), ("before", self.before or "none"), ("why", self.why), *skipped]


@task(task_run_name="promote-{model}")
def promote_version(model: str, why: str) -> SuccessionOutcome:
    """Make the version that `model` names champion, whatever the promotion rule says of its scores."""
    client = connect(home())
    return succeed(client, home(), resolve_version(client, model), f"by hand: {why}")


@task(task_run_name="rollback-{model}")
def restore_champion(model: str, why: str) -> SuccessionOutcome:
    """Make the champion before the present one champion again."""
    client = connect(home())
    return roll_back(client, home(), ModelRef.parse(model).name, why)


def succeed(client: MlflowClient, home: Home, version: ModelVersion, why: str) -> SuccessionOutcome:
    """Make `version` champion, and record that.

    Raises RegistryError if it is champion already, or if `make_champion` refuses it.
    """
    check_reason(why)
    with one_at_a_time(home):
        now = find_champion(client, version.name)
        if is_same(now, version):
            raise RegistryError(f"{uri_of(version)} is the champion already")
        make_champion(client, version, why, read_history(client, version.name))
    return _show(version, now, why, [])


def roll_back(client: MlflowClient, home: Home, name: str, why: str) -> SuccessionOutcome:
    """Make the previous champion the champion again. Each further call goes back by one more champion.

    Versions that were deleted are skipped. Raises RegistryError if no earlier champion is left, or if `make_champion`
    refuses it. Another version can then be promoted by hand.
    """
    check_reason(why)
    with one_at_a_time(home):
        now = find_champion(client, name)
        if now is None:
            raise RegistryError(f"{name} has no champion: there is nothing to go back from")
        history = read_history(client, name)
        restored, earlier, skipped = _find_earlier(client, name, history)
        reason = f"rolled back from version {now.version}" + (f": {why}" if why else "")
        make_champion(client, restored, reason, earlier)
    return _show(restored, now, reason, skipped)


def _find_earlier(
    client: MlflowClient, name: str, history: Sequence[str]
) -> tuple[ModelVersion, Sequence[str], list[str]]:
    """Return the newest earlier champion that exists, the history before it, and a sentence per skipped version."""
    skipped: list[str] = []
    for place in reversed(range(len(history) - 1)):
        number = history[place]
        if number == history[-1]:
            continue  # the same version: it became champion twice in a row, or again after one that was deleted
        try:
            return client.get_model_version(name, number), history[:place], skipped
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            skipped.append(f"version {number} was deleted")
    deleted = f" ({'; '.join(skipped)})" if skipped else ""
    raise RegistryError(
        f"version {history[-1]} is the oldest champion of {name} that is still there{deleted}: there is nothing to go "
        "back to. Promote another version by hand: shardgan promote --model"
    )


def _show(version: ModelVersion, before: ModelVersion | None, why: str, skipped: list[str]) -> SuccessionOutcome:
    facts = {"before": uri_of(before) if before else "none"} | ({"skipped": "; ".join(skipped)} if skipped else {})
    show_decision(version, "champion", why, facts)
    return SuccessionOutcome(
        champion=uri_of(version), before=uri_of(before) if before else None, why=why, skipped=skipped
    )
