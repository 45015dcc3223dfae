"""Champions made by hand, on MLflow's own SQLite registry."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry.champion import MAX_REASON, read_history
from tasks.registry.decisions.succession import roll_back, succeed
from tasks.tracking.model_ref import CHAMPION
from tasks.tracking.runs import connect
from tests.tasks.conftest import make_version


@pytest.fixture
def client(home_dir: Path) -> MlflowClient:
    client = connect(home())
    client.create_registered_model("m")
    return client


@pytest.fixture
def versions(client: MlflowClient, home_dir: Path) -> list[ModelVersion]:
    return [make_version(client, "m", home_dir / "files" / name) for name in "abc"]


def champion(client: MlflowClient) -> str:
    return str(client.get_model_version_by_alias("m", CHAMPION).version)


def test_a_champion_made_by_hand_leaves_a_trail_and_can_be_taken_back(
    client: MlflowClient, versions: list[ModelVersion]
) -> None:
    first, second, _ = versions
    assert succeed(client, home(), first, "by hand: the first").before is None
    with pytest.raises(RegistryError, match="version 1 is the oldest champion of m that is still there"):
        roll_back(client, home(), "m", "")

    assert succeed(client, home(), second, "by hand: sharper").before == "models:/m/1"
    tags = client.get_model_version("m", second.version).tags
    assert (tags["gate.promoted"], tags["gate.why"], tags["gate.replaced"]) == ("true", "by hand: sharper", "1")
    assert datetime.fromisoformat(tags["gate.at"]) <= datetime.now(UTC)
    with pytest.raises(RegistryError, match="champion already"):
        succeed(client, home(), second, "again")

    assert roll_back(client, home(), "m", "blurred").why == "rolled back from version 2: blurred"
    assert champion(client) == "1"
    with pytest.raises(RegistryError, match="nothing to go back to"):
        roll_back(client, home(), "m", "further")


def test_rollbacks_walk_back_through_all_champions(client: MlflowClient, versions: list[ModelVersion]) -> None:
    first, second, third = versions
    for version in (first, second, first):
        succeed(client, home(), version, "by hand")
    assert [roll_back(client, home(), "m", "").champion for _ in range(2)] == ["models:/m/2", "models:/m/1"]
    for _ in range(2):
        with pytest.raises(RegistryError, match="version 1 is the oldest champion"):
            roll_back(client, home(), "m", "")
    succeed(client, home(), third, "by hand")
    assert read_history(client, "m") == ["1", "3"]
    assert roll_back(client, home(), "m", "").champion == "models:/m/1"


def test_champions_from_before_there_was_a_history_can_be_rolled_back(
    client: MlflowClient, versions: list[ModelVersion]
) -> None:
    for number, replaced in [("1", ""), ("2", "1"), ("3", "2")]:
        client.set_model_version_tag("m", number, "gate.replaced", replaced)
    client.set_registered_model_alias("m", CHAMPION, "3")
    assert read_history(client, "m") == ["1", "2", "3"]
    client.set_model_version_tag("m", "1", "gate.replaced", "3")  # what promoting 1, 2, 3, 1 once left
    assert read_history(client, "m") == ["1", "2", "3"]
    assert [roll_back(client, home(), "m", "").champion for _ in range(2)] == ["models:/m/2", "models:/m/1"]


def test_a_deleted_predecessor_is_skipped_with_a_sentence(client: MlflowClient, versions: list[ModelVersion]) -> None:
    for version in versions:
        succeed(client, home(), version, "by hand")
    client.delete_model_version("m", "2")
    outcome = roll_back(client, home(), "m", "")
    assert (outcome.champion, outcome.skipped) == ("models:/m/1", ["version 2 was deleted"])
    assert ("skipped", "version 2 was deleted") in outcome.facts()
    succeed(client, home(), versions[2], "by hand")
    client.delete_model_version("m", "1")
    with pytest.raises(RegistryError, match=r"version 3 is the oldest champion .*\(version 1 was deleted\)"):
        roll_back(client, home(), "m", "")
    assert champion(client) == "3"


def test_a_reason_that_cannot_be_stored_moves_nothing_and_leaves_no_tag(
    client: MlflowClient, versions: list[ModelVersion]
) -> None:
    first, second, _ = versions
    succeed(client, home(), first, "by hand")
    with pytest.raises(RegistryError, match=rf"the reason has 100,001 characters, {MAX_REASON:,} at most"):
        succeed(client, home(), second, "x" * 100_001)
    with pytest.raises(RegistryError, match="the reason has"):
        roll_back(client, home(), "m", "x" * 100_001)
    assert champion(client) == "1"
    assert "gate.promoted" not in client.get_model_version("m", second.version).tags
    assert read_history(client, "m") == ["1"]


def test_a_model_without_a_champion_cannot_be_rolled_back(client: MlflowClient) -> None:
    with pytest.raises(RegistryError, match="m has no champion"):
        roll_back(client, home(), "m", "")


def test_a_version_that_is_deleted_meanwhile_leaves_the_champion(
    client: MlflowClient, versions: list[ModelVersion]
) -> None:
    """Somebody deletes it between the decision and the move of the alias."""
    first, second, _ = versions
    succeed(client, home(), first, "by hand: the first")
    client.delete_model_version("m", second.version)
    with pytest.raises((RegistryError, MlflowException)):
        succeed(client, home(), second, "by hand: too late")
    assert champion(client) == "1"
    assert read_history(client, "m") == ["1"]
