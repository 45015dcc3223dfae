"""Hash and signature of a folder, by themselves: what they cover, and what is said about a folder that was altered."""

import hashlib
import shutil
from pathlib import Path

import pytest
from mlflow.entities.model_registry import ModelVersion, ModelVersionTag
from pydantic import ValidationError

from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry.signing import (
    MODEL_SIGNATURE,
    SIGNING_KEY,
    VERIFY_KEY,
    SignOutcome,
    accept_version,
    fetched_model,
    files_sha256,
    find_forgery,
    find_wrong_signature,
    key_name,
    make_signature,
)
from tasks.tracking.runs import connect
from tests.tasks.registry.test_signing import make_keys


def write_model(folder: Path) -> Path:
    """Two files, one of them in a folder, and what MLflow writes beside a copy."""
    (folder / "artifacts").mkdir(parents=True)
    (folder / "MLmodel").write_text("a")
    (folder / "artifacts" / "weights").write_text("b")
    (folder / "registered_model_meta").write_text("not hashed")
    return folder


def version(**tags: str) -> ModelVersion:
    return ModelVersion("m", "1", 0, tags=[ModelVersionTag(f"shardgan.{name}", value) for name, value in tags.items()])


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A pair of keys that signs and verifies."""
    (tmp_path / "keys").mkdir()
    private, public = make_keys(tmp_path / "keys")
    monkeypatch.setenv(SIGNING_KEY, str(private))
    monkeypatch.setenv(VERIFY_KEY, str(public))
    return private, public


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SIGNING_KEY, raising=False)
    monkeypatch.delenv(VERIFY_KEY, raising=False)


def test_hash_is_that_of_the_sorted_list_of_files(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    digests = {
        name: hashlib.sha256(text).hexdigest() for name, text in (("MLmodel", b"a"), ("artifacts/weights", b"b"))
    }
    text = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
    assert files_sha256(folder) == hashlib.sha256(text.encode()).hexdigest()
    (folder / MODEL_SIGNATURE).write_text("not hashed either")
    assert files_sha256(folder) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("name", ["a\nb", "a\rb"])
def test_names_with_line_breaks_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(RegistryError, match="line break"):
        files_sha256(tmp_path)


@pytest.mark.usefixtures("no_keys")
def test_files_are_compared_with_the_tag(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    before = files_sha256(folder)
    (sentence,) = find_forgery(version(), folder)
    assert sentence.startswith("it has no tag shardgan.files_sha256")
    assert find_forgery(version(files_sha256=before), folder) == []
    (folder / "MLmodel").write_text("altered")
    after = files_sha256(folder)
    assert find_forgery(version(files_sha256=before), folder) == [
        f"its files have the sha256 {after[:12]}, but {before[:12]} was registered: they were altered"
    ]


@pytest.mark.usefixtures("no_keys")
def test_bytecode_is_no_alteration(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    before = files_sha256(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_text("")
    assert find_forgery(version(files_sha256=before), folder) == []
    assert not (folder / "__pycache__").exists()


@pytest.mark.usefixtures("no_keys")
def test_without_keys_nothing_is_signed_and_no_signature_asked_for(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    tags = make_signature(folder)
    assert (tags.files_sha256, tags.signed_by) == (files_sha256(folder), "")
    assert not (folder / MODEL_SIGNATURE).exists()
    assert find_wrong_signature(folder) == []


def test_signature_covers_every_file(keys: tuple[Path, Path], tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / ".gitignore").write_text("*.py")
    assert find_wrong_signature(folder) == [
        f"it is not signed, and {VERIFY_KEY} asks for it; sign it with `shardgan sign`"
    ]
    tags = make_signature(folder)
    assert (tags.files_sha256, tags.signed_by) == (files_sha256(folder), key_name(keys[1]))
    assert find_forgery(version(files_sha256=tags.files_sha256), folder) == []
    for name in ("artifacts/weights", ".gitignore"):
        before = (folder / name).read_text()
        (folder / name).write_text("altered")
        (sentence,) = find_wrong_signature(folder)
        assert sentence.startswith(f"its signature does not fit the key {keys[1]} (")
        assert name in sentence, "the library's reason names the file"
        (folder / name).write_text(before)
    assert find_wrong_signature(folder) == []


def test_key_is_named_by_the_hash_of_its_public_half(keys: tuple[Path, Path]) -> None:
    private, public = keys
    assert key_name(private) == key_name(public) == hashlib.sha256(public.read_bytes()).hexdigest()[:16]


def test_version_that_is_registered_already_is_signed(
    keys: tuple[Path, Path], home_dir: Path, mlflow_tables: Path, tmp_path: Path
) -> None:
    home_dir.mkdir()
    shutil.copy(mlflow_tables, home_dir)
    client = connect(home())
    experiment = client.create_experiment("x", artifact_location=(home_dir / "mlartifacts").as_uri())
    model = client.create_logged_model(experiment, name="generator")
    folder = write_model(tmp_path / "m")
    client.log_model_artifacts(model.model_id, str(folder))
    client.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model("m")
    source, digest = f"models:/{model.model_id}", files_sha256(folder)
    altered = client.create_model_version("m", source, tags={"shardgan.files_sha256": "0" * 64})
    with pytest.raises(RegistryError, match="models:/m/1 is not signed: its files have the sha256"):
        accept_version(client, altered)
    outcome = accept_version(client, client.create_model_version("m", source))
    assert outcome == SignOutcome(model="models:/m/2", files_sha256=digest, signed_by=key_name(keys[1]))
    accepted = client.get_model_version("m", "2")
    assert accepted.tags == {"shardgan.files_sha256": digest, "shardgan.signed_by": outcome.signed_by}
    with fetched_model("models:/m/2") as fetched:
        assert (fetched / MODEL_SIGNATURE).is_file()
        assert find_forgery(accepted, fetched) == []
    with pytest.raises(RegistryError, match="its source is not a logged model of MLflow 3"):
        accept_version(client, client.create_model_version("m", folder.as_uri()))


@pytest.mark.parametrize(("signed_by", "told"), [("ab", "ab"), ("", "nobody: SHARDGAN_SIGNING_KEY is not set")])
def test_outcome_is_told_line_by_line(signed_by: str, told: str) -> None:
    outcome = SignOutcome(model="models:/m/1", files_sha256="01", signed_by=signed_by)
    assert outcome.facts() == [("model", "models:/m/1"), ("files", "sha256 01"), ("signed by", told)]
    with pytest.raises(ValidationError, match="frozen"):
        outcome.model = "models:/m/2"
