"""Champions made by hand, on MLflow's own SQLite registry."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry.succession import roll_back, succeed
from tasks.registry.versions import CHAMPION
from tasks.tracking.runs import connect


def test_a_champion_made_by_hand_leaves_a_trail_and_can_be_taken_back(home_dir: Path) -> None:
    client = connect(home())
    client.create_registered_model("m")
    first, second = (client.create_model_version("m", f"file://{home_dir}/{name}") for name in "ab")
    assert succeed(client, home(), first, "by hand: the first").before is None
    with pytest.raises(RegistryError, match="nothing to go back to"):
        roll_back(client, home(), "m", "")

    assert succeed(client, home(), second, "by hand: sharper").before == "models:/m/1"
    tags = client.get_model_version("m", second.version).tags
    assert (tags["gate.promoted"], tags["gate.why"], tags["gate.replaced"]) == ("true", "by hand: sharper", "1")
    assert datetime.fromisoformat(tags["gate.at"]) <= datetime.now(UTC)
    with pytest.raises(RegistryError, match="champion already"):
        succeed(client, home(), second, "again")

    assert roll_back(client, home(), "m", "blurred").why == "rolled back from version 2: blurred"
    assert str(client.get_model_version_by_alias("m", CHAMPION).version) == "1"
    with pytest.raises(RegistryError, match="nothing to go back to"):
        roll_back(client, home(), "m", "further")


def test_a_model_without_a_champion_cannot_be_rolled_back(home_dir: Path) -> None:
    connect(home()).create_registered_model("m")
    with pytest.raises(RegistryError, match="nothing to go back to"):
        roll_back(connect(home()), home(), "m", "")
