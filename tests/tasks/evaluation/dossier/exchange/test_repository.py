"""Repositories that were altered: everything is refused before anything is registered, and nothing is run."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tasks.errors import RequestError
from tasks.evaluation.dossier.exchange.repository import known_code, read_repository
from tasks.registry.signing import files_sha256, make_signature


def test_repository_as_it_was_pushed_is_accepted(repository: Path) -> None:
    found = read_repository(repository)
    assert (found.record.model, found.record.version) == ("first", "1")
    assert {path.name for path in found.dossier} >= {"README.md", "bom.json", "SHA256SUMS"}
    assert read_repository(repository, found.record.files_sha256) == found
    # The release that made this version had other code.
    assert set(known_code(found.model)) == {"generator_pyfunc.py", "artifacts/network.py"}


def rehash(repository: Path) -> None:
    """Write the hashes anew, as somebody does who alters a repository with care."""
    names = sorted(path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256((repository / name).read_bytes()).hexdigest()}  {name}\n"
        for name in names
        if name != "SHA256SUMS"
    ]
    (repository / "SHA256SUMS").write_text("".join(lines))


def alter_weights(repository: Path) -> None:
    (repository / "model" / "artifacts" / "weights.safetensors").write_bytes(b"others")


def alter_weights_and_hashes(repository: Path) -> None:
    alter_weights(repository)
    rehash(repository)


def add_file(repository: Path) -> None:
    (repository / "model" / "sitecustomize.py").write_text("raise SystemExit\n")


def add_uncovered_file(repository: Path) -> None:
    (repository / "model" / "registered_model_meta").write_text("x")
    rehash(repository)


def link_out(repository: Path) -> None:
    (repository / "bom.json").unlink()
    (repository / "bom.json").symlink_to("/etc/passwd")


def link_folder(repository: Path) -> None:
    (repository / "model" / "artifacts").rename(repository / "elsewhere")
    (repository / "model" / "artifacts").symlink_to(repository / "elsewhere")


def name_outside(repository: Path) -> None:
    with (repository / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  ../../outside\n")


def lose_file(repository: Path) -> None:
    (repository / "model" / "artifacts" / "spec.json").unlink()


def lose_sums(repository: Path) -> None:
    (repository / "SHA256SUMS").unlink()


def break_record(repository: Path) -> None:
    content = json.loads((repository / "dossier.json").read_text())
    (repository / "dossier.json").write_text(json.dumps(content | {"model": "../../x"}))
    rehash(repository)


def pipe_in(repository: Path) -> None:
    (repository / "bom.json").unlink()
    os.mkfifo(repository / "bom.json")


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (alter_weights, r"model/artifacts/weights.safetensors has the sha256 .*: the repository was altered"),
        (alter_weights_and_hashes, r"the files of the version have the sha256 .*: the repository was altered"),
        (add_file, r"model/sitecustomize.py is not named in SHA256SUMS"),
        (add_uncovered_file, r"model/registered_model_meta would not be covered"),
        (link_out, r"bom.json is a link"),
        (link_folder, r"is a link, or lies in one"),
        (name_outside, r"SHA256SUMS has the line '0+  ../../outside'"),
        (lose_file, r"the repository has no file model/artifacts/spec.json"),
        (lose_sums, r"the repository has no file SHA256SUMS"),
        (break_record, r"dossier.json is not a dossier: model: "),
        (pipe_in, r"the repository has no file bom.json"),
    ],
)
def test_altered_repository_is_refused(alter: Callable[[Path], None], message: str, repository: Path) -> None:
    alter(repository)
    with pytest.raises(RequestError, match=message):
        read_repository(repository)


def test_other_version_than_the_sender_told_is_refused(repository: Path) -> None:
    with pytest.raises(RequestError, match=f"but files_sha256 is {'0' * 64}"):
        read_repository(repository, "0" * 64)


def accept_anew(repository: Path) -> None:
    """Make all hashes fit the present files."""
    content = json.loads((repository / "dossier.json").read_text())
    content["files_sha256"] = files_sha256(repository / "model")
    (repository / "dossier.json").write_text(json.dumps(content))
    rehash(repository)


@pytest.mark.parametrize(
    "change",
    [
        {"loader_module": "mlflow.pyfunc.model", "python_model": "model.pkl"},
        {"loader_module": "os"},
        {"model_code_path": "evil.py"},
        {"code": "code"},
        {"artifacts": {"weights": {"path": "../../secret"}}},
    ],
)
def test_version_that_would_be_loaded_otherwise_is_refused(change: dict[str, object], repository: Path) -> None:
    path = repository / "model" / "MLmodel"
    content = yaml.safe_load(path.read_text())
    content["flavors"]["python_function"] |= change
    path.write_text(yaml.safe_dump(content))
    accept_anew(repository)
    with pytest.raises(RequestError, match="names other code or files than shardgan's"):
        read_repository(repository)


def make_keys(folder: Path) -> tuple[Path, Path]:
    """Write a pair of PEM files; returns the paths of the private and the public key."""
    private = ec.generate_private_key(ec.SECP256R1())
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    folder.mkdir()
    (folder / "key").write_bytes(secret)
    (folder / "key.pub").write_bytes(public)
    return folder / "key", folder / "key.pub"


def test_key_to_verify_with_asks_for_its_signature(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, public = make_keys(tmp_path / "ours")
    _, foreign = make_keys(tmp_path / "theirs")
    monkeypatch.setenv("SHARDGAN_VERIFY_KEY", str(public))
    with pytest.raises(RequestError, match="the version is not registered: it is not signed"):
        read_repository(repository)
    monkeypatch.setenv("SHARDGAN_SIGNING_KEY", str(key))
    make_signature(repository / "model")
    rehash(repository)
    assert read_repository(repository).record.version == "1"
    monkeypatch.setenv("SHARDGAN_VERIFY_KEY", str(foreign))
    with pytest.raises(RequestError, match="its signature does not fit the key"):
        read_repository(repository)
