"""Champions made by hand: promote a version for a reason, or go back to the champion before; the gate's own trail."""

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from prefect import task
from pydantic import BaseModel, ConfigDict

from tasks.errors import RegistryError
from tasks.home import Home, home
from tasks.registry.champion import crown, is_same, one_at_a_time, show_decision
from tasks.registry.versions import find_champion, resolve_version, split_model_uri, tag_version
from tasks.tracking.runs import connect


class SuccessionOutcome(BaseModel):
    """Who is champion now, and who was before."""

    model_config = ConfigDict(frozen=True)

    champion: str
    before: str | None
    why: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        return [("champion", self.champion), ("before", self.before or "none"), ("why", self.why)]


@task(task_run_name="promote-{model}")
def promote_version(model: str, why: str) -> SuccessionOutcome:
    """Make the version that `model` names champion, without the gate."""
    client = connect(home())
    return succeed(client, home(), resolve_version(client, model), f"by hand: {why}")


@task(task_run_name="rollback-{model}")
def restore_champion(model: str, why: str) -> SuccessionOutcome:
    """Make the version champion that the present champion took over from."""
    client = connect(home())
    return roll_back(client, home(), split_model_uri(model)[0], why)


def succeed(client: MlflowClient, home: Home, version: ModelVersion, why: str) -> SuccessionOutcome:
    """Move the alias to `version` and leave the trail; raises RegistryError where it is there already."""
    with one_at_a_time(home):
        now = find_champion(client, version.name)
        if is_same(now, version):
            raise RegistryError(f"{_uri(version)} is the champion already")
        crown(client, version, now, why)
    show_decision(version, "champion", why, {"before": _uri(now) if now else "none"})
    return SuccessionOutcome(champion=_uri(version), before=_uri(now) if now else None, why=why)


def roll_back(client: MlflowClient, home: Home, name: str, why: str) -> SuccessionOutcome:
    """Make the champion before the present one champion again; raises RegistryError where there was none."""
    now = find_champion(client, name)
    number = client.get_model_version(name, now.version).tags.get("gate.replaced") if now else None
    if now is None or not number:
        raise RegistryError(f"{name} has no champion that took over from another: there is nothing to go back to")
    reason = f"rolled back from version {now.version}" + (f": {why}" if why else "")
    restored = client.get_model_version(name, number)
    outcome = succeed(client, home, restored, reason)
    # It keeps its own predecessor: a second rollback goes further back, not to the version just left.
    tag_version(client, restored, {"gate.replaced": restored.tags.get("gate.replaced", "")})
    return outcome


def _uri(version: ModelVersion) -> str:
    return f"models:/{version.name}/{version.version}"
