"""Every way to the alias champion verifies the version first: the promotion rule, by hand, rollback, MLflow's UI."""

import shutil
from pathlib import Path

import pytest
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry.champion import read_history
from tasks.registry.champion_check import check_champions
from tasks.registry.config import SIGNING_KEY, VERIFY_KEY, PromotionPolicy
from tasks.registry.decisions.succession import promote_version, restore_champion
from tasks.registry.promotion import promote
from tasks.registry.signing import make_signature
from tasks.tracking.model_ref import CHAMPION
from tasks.tracking.runs import connect
from tests.tasks.conftest import make_version
from tests.tasks.registry.test_promotion import scores
from tests.tasks.registry.test_signing import make_keys


@pytest.fixture
def client(home_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    private, public = make_keys(tmp_path)
    monkeypatch.setenv(SIGNING_KEY, str(private))
    monkeypatch.setenv(VERIFY_KEY, str(public))
    client = connect(home())
    client.create_registered_model("m")
    return client


def signed(client: MlflowClient, folder: Path) -> ModelVersion:
    version = make_version(client, "m", folder)
    make_signature(folder).write(client, version)
    return client.get_model_version("m", version.version)


def champion(client: MlflowClient) -> str:
    return str(client.get_registered_model("m").aliases.get(CHAMPION, ""))


@pytest.mark.parametrize("key", [True, False], ids=["with a key", "without"])
def test_a_foreign_version_becomes_champion_in_no_way(
    key: bool, client: MlflowClient, home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not key:
        monkeypatch.delenv(VERIFY_KEY)
    signed(client, home_dir / "ours")
    promote_version.fn("models:/m/1", "the first")
    (home_dir / "elsewhere").mkdir()
    (home_dir / "elsewhere" / "MLmodel").write_text("theirs")
    foreign = client.create_model_version("m", (home_dir / "elsewhere").as_uri())
    expected = r"models:/m/2 cannot be champion: it has no tag shardgan\.files_sha256"
    with pytest.raises(RegistryError, match=expected):
        promote_version.fn("models:/m/2", "look here")
    client.delete_registered_model_alias("m", CHAMPION)
    with pytest.raises(RegistryError, match=expected):
        promote(client, home(), foreign, scores(1.0), None, PromotionPolicy(floors="off"))
    assert champion(client) == ""
    client.set_registered_model_alias("m", CHAMPION, "2")
    (sentence,) = check_champions.fn()
    assert "models:/m/2 was made champion outside of shardgan, and refused" in sentence
    assert sentence.endswith("version 1 is champion again")
    assert (champion(client), read_history(client, "m")) == ("1", ["1"])
    tags = client.get_model_version("m", "2").tags
    assert tags["gate.promoted"] == "false"
    assert "refused" in tags["gate.why"]
    assert check_champions.fn() == []


def test_an_unsigned_version_becomes_champion_in_no_way(client: MlflowClient, home_dir: Path) -> None:
    make_version(client, "m", home_dir / "unsigned")
    signed(client, home_dir / "signed")
    client.set_registered_model_alias("m", CHAMPION, "1")
    (sentence,) = check_champions.fn()
    assert sentence.endswith("there is no champion now")
    assert champion(client) == ""
    with pytest.raises(RegistryError, match=f"it is not signed, and {VERIFY_KEY} asks for it"):
        promote_version.fn("models:/m/1", "")
    promote_version.fn("models:/m/2", "signed")
    client.set_registered_model_tag("m", "shardgan.champions", '["1", "2"]')
    with pytest.raises(RegistryError, match="models:/m/1 cannot be champion: it is not signed"):
        restore_champion.fn("m", "")
    assert champion(client) == "2"


def test_a_verified_version_that_was_chosen_in_mlflow_stays(client: MlflowClient, home_dir: Path) -> None:
    signed(client, home_dir / "a")
    signed(client, home_dir / "b")
    promote_version.fn("models:/m/1", "the first")
    client.set_registered_model_alias("m", CHAMPION, "2")
    (sentence,) = check_champions.fn()
    assert sentence.endswith("its files are verified, so it stays")
    assert read_history(client, "m") == ["1", "2"]
    assert client.get_model_version("m", "2").tags["gate.replaced"] == "1"
    assert restore_champion.fn("m", "").champion == "models:/m/1"
    shutil.rmtree(home_dir / "b")
    client.set_registered_model_alias("m", CHAMPION, "2")
    (sentence,) = check_champions.fn()
    assert sentence.endswith("version 1 is champion again")


def test_models_of_others_are_left_alone(client: MlflowClient, home_dir: Path) -> None:
    client.create_registered_model("theirs")
    client.create_model_version("theirs", home_dir.as_uri())
    client.set_registered_model_alias("theirs", CHAMPION, "1")
    assert check_champions.fn() == []
    assert str(client.get_registered_model("theirs").aliases[CHAMPION]) == "1"


def test_deleted_tags_do_not_hide_a_foreign_champion(client: MlflowClient, home_dir: Path) -> None:
    """A model that has a history stays ours, whatever becomes of its versions' tags."""
    signed(client, home_dir / "ours")
    promote_version.fn("models:/m/1", "the first")
    (home_dir / "theirs").mkdir()
    client.create_model_version("m", (home_dir / "theirs").as_uri())
    client.delete_model_version_tag("m", "1", "shardgan.weights_sha256")
    client.set_registered_model_alias("m", CHAMPION, "2")
    (sentence,) = check_champions.fn()
    assert sentence.endswith("version 1 is champion again")


def test_one_damaged_history_leaves_no_other_champion_unchecked(client: MlflowClient, home_dir: Path) -> None:
    signed(client, home_dir / "ours")
    promote_version.fn("models:/m/1", "the first")
    client.create_registered_model("a")
    make_version(client, "a", home_dir / "a")
    client.set_registered_model_tag("a", "shardgan.champions", "<script>")
    client.set_registered_model_alias("a", CHAMPION, "1")
    make_version(client, "m", home_dir / "unsigned")
    client.set_registered_model_alias("m", CHAMPION, "2")
    first, second = check_champions.fn()
    assert first.startswith("the champion of a cannot be checked: the tag shardgan.champions of a is '<script>'")
    assert second.endswith("version 1 is champion again")
