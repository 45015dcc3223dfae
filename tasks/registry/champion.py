"""The alias champion. One function moves it, after the version was verified, and one process at a time.

The reason for every decision is kept in tags and shown in Prefect. The history of champions, oldest first, is a tag of
the model. A rollback removes its last entry. Models from releases without that tag have a history as well, because each
version says in a tag which version it replaced.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import filelock
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists

from tasks.errors import RegistryError
from tasks.flow_runs.announcements import announce_champion
from tasks.flow_runs.artifacts import in_run
from tasks.home import Home
from tasks.registry.signing import verify_version
from tasks.reports.printable import for_markdown
from tasks.tracking.descriptions import write_descriptions
from tasks.tracking.model_ref import CHAMPION
from tasks.tracking.tags import ModelTags, VersionTags

LIMIT = "shardgan-champion"
# A slot that a killed process holds is freed after this time, also by a server that was restarted meanwhile.
HOLD_SECONDS = 60.0
ARTIFACT = "gate"
MOST = 200  # entries of the history; the oldest are dropped
MAX_REASON = 5000  # characters; MLflow takes 100,000 in a tag, some of its databases fewer


@contextmanager
def one_at_a_time(home: Home) -> Iterator[None]:
    """Let one process at a time decide: by a lock in this home, and by a slot of Prefect's server across machines.

    Outside of a Prefect run there is no server to ask, and only the home's lock is held.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(home.root / "promotion.lock"):
        if not in_run():
            yield
            return
        with suppress(ObjectAlreadyExists), get_client(sync_client=True) as client:
            client.upsert_global_concurrency_limit_by_name(LIMIT, 1, 1 / HOLD_SECONDS)
        with concurrency(LIMIT, strict=True, lease_duration=HOLD_SECONDS, raise_on_lease_renewal_failure=False):
            yield


def make_champion(client: MlflowClient, version: ModelVersion, why: str, before: Sequence[str]) -> None:
    """Move the alias to `version`. Nothing else moves it. `before` is the history up to now.

    Raises RegistryError, and changes nothing, if the version's files fail verification or the reason is too long. Tags
    are written after the alias has moved, so that a failed move leaves no tag.
    """
    check_reason(why)
    verify_version(version)
    client.set_registered_model_alias(version.name, CHAMPION, version.version)
    record_champion(client, version, why, before)


def record_champion(client: MlflowClient, version: ModelVersion, why: str, before: Sequence[str]) -> None:
    """Record a new champion: in the model's history, in the version's tags, and as an event."""
    write_history(client, version.name, [*before, str(version.version)])
    decision(why, promoted=True, replaced=before[-1] if before else "").write(client, version)
    write_descriptions(client, version)
    announce_champion(version, why)


def check_reason(why: str) -> None:
    """Raise RegistryError when the reason is too long for MLflow to store."""
    if len(why) > MAX_REASON:
        raise RegistryError(f"the reason has {len(why):,} characters, {MAX_REASON:,} at most are kept: shorten it")


def decision(why: str, *, promoted: bool, **others: str) -> VersionTags:
    """Return the tags that say what was decided about a version, when and why."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return VersionTags.model_validate({"promoted": promoted, "why": why[:MAX_REASON], "at": at, **others})


def show_decision(version: ModelVersion, decision: str, why: str, facts: Mapping[str, str]) -> None:
    """Show in the Prefect run, if there is one, what was decided about the version and why."""
    if not in_run():
        return
    name = f"{version.name} version {version.version}"
    lines = [f"**{for_markdown(name)}: {decision}.** {for_markdown(why)}.", "", "| | |", "|---|---|"]
    lines += [f"| {for_markdown(fact)} | {for_markdown(value)} |" for fact, value in facts.items()]
    create_markdown_artifact("\n".join(lines), ARTIFACT, description=f"{name}: {decision}")


def is_same(one: ModelVersion | None, other: ModelVersion | None) -> bool:
    """Return whether both are the same version, or both None. MLflow gives the number as int or as str."""
    if one is None or other is None:
        return one is other
    return (one.name, str(one.version)) == (other.name, str(other.version))


def stored_history(client: MlflowClient, name: str) -> list[str]:
    """Return the versions in the model's tag, oldest first. Empty if there is no tag."""
    text = ModelTags.parse(client.get_registered_model(name).tags).champions
    try:
        numbers = json.loads(text) if text else []
    except ValueError:
        numbers = None
    if not isinstance(numbers, list) or not all(isinstance(one, str) and one.isdigit() for one in numbers):
        tag = ModelTags.name("champions")
        raise RegistryError(f"the tag {tag} of {name} is {text[:100]!r}: expected a list of numbers as JSON; delete it")
    return numbers


def read_history(client: MlflowClient, name: str) -> list[str]:
    """Return the champions, oldest first; the last one has the alias. Empty if no version has the alias."""
    present = client.get_registered_model(name).aliases.get(CHAMPION)
    if present is None:
        return []
    numbers = stored_history(client, name) or list(reversed(_predecessors(client, name, str(present))))
    return numbers if numbers and numbers[-1] == str(present) else [*numbers, str(present)]


def write_history(client: MlflowClient, name: str, numbers: Sequence[str]) -> None:
    """Keep the history with the model."""
    for key, value in ModelTags(champions=json.dumps(list(numbers)[-MOST:])).as_tags().items():
        client.set_registered_model_tag(name, key, value)


def _predecessors(client: MlflowClient, name: str, number: str) -> list[str]:
    """Return the versions that replaced each other, from `number` back to the first one or to a repetition."""
    chain: list[str] = []
    while number and number not in chain:
        chain.append(number)
        try:
            number = VersionTags.of(client.get_model_version(name, number)).replaced
        except MlflowException:  # it was deleted, and its tag with it
            break
    return chain
