"""A version's files are proven before anything of them runs: against the registry's hash, and against a key."""

import hashlib
import py_compile
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mlflow.entities.model_registry import ModelVersion

import shards
from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry.audit import trace_lineage
from tasks.registry.config import SIGNING_KEY, VERIFY_KEY, LineageConfig, SignConfig
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.signing import (
    MODEL_SIGNATURE,
    check_keys,
    files_sha256,
)
from tasks.registry.versions import register, resolve_version, sign_version
from tasks.tracking.model_ref import CHAMPION
from tasks.tracking.runs import RunTracker, connect
from tasks.tracking.tags import VersionTags
from tasks.training.transfer import Start, fetch_start
from tests.conftest import write_collection
from tests.tasks.conftest import make_run

URI = "models:/m@champion"
FILES_TAG, SIGNER_TAG = VersionTags.name("files_sha256"), VersionTags.name("signed_by")


def make_keys(folder: Path) -> tuple[Path, Path]:
    """A pair of PEM files: private, public."""
    private, public = folder / "key.pem", folder / "key.pub"
    key = ec.generate_private_key(ec.SECP256R1())
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    return private, public


@pytest.fixture(scope="module")
def signed_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with one signed champion, `m`, and the pair of keys beside it."""
    root = tmp_path_factory.mktemp("signed")
    private, _ = make_keys(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDGAN_HOME", str(root))
        patch.setenv(SIGNING_KEY, str(private))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        source = write_collection(root / "pictures")
        config = shards.ShardConfig(source=str(source), dataset="tiny", resolution=16, val_fraction=0.3, workers=1)
        run = make_run(shards.build(config, root).manifest)
        tracker = RunTracker(connect(home()), home(), run, {})
        tracker.finish()
        version = register(tracker.client, run, tracker.run_id, "m")
        tracker.client.set_registered_model_alias("m", CHAMPION, version.version)
    return root


@pytest.fixture
def stored(signed_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The champion's files as the artifact store has them, put back after each test; the key to verify with is set."""
    monkeypatch.setenv("SHARDGAN_HOME", str(signed_home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv(VERIFY_KEY, str(signed_home / "key.pub"))
    (weights,) = signed_home.glob("mlartifacts/**/weights.safetensors")
    folder = weights.parent.parent
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    tags = dict(champion().tags)
    yield folder
    for path in folder.rglob("*"):
        if path.is_file() and path not in before:
            path.unlink()
    for path, content in before.items():
        path.write_bytes(content)
    retag(tags)


def champion() -> ModelVersion:
    return resolve_version(connect(home()), URI)


def retag(tags: dict[str, str]) -> None:
    """What somebody can do who can write to the registry."""
    client, version = connect(home()), champion()
    for name in version.tags.keys() - tags.keys():
        client.delete_model_version_tag("m", version.version, name)
    for name, value in tags.items():
        client.set_model_version_tag("m", version.version, name, value)


def test_registering_signs_and_the_signature_is_checked_on_load(stored: Path) -> None:
    tags = champion().tags
    assert (len(tags[FILES_TAG]), len(tags[SIGNER_TAG])) == (64, 16)
    assert (stored / MODEL_SIGNATURE).is_file()
    assert LoadedGenerator.load(champion()).labels == ["bright", "dark"]
    (link,) = (link for link in trace_lineage(LineageConfig(model=URI)).links if link.what == "signature")
    assert (link.value, link.problems) == (f"by the key {tags[SIGNER_TAG]}", [])


def test_it_verifies_with_the_librarys_own_program(stored: Path) -> None:
    command = ["-m", "model_signing", "verify", "key", str(stored), "--signature", str(stored / MODEL_SIGNATURE)]
    key = str(stored.parents[5] / "none") if not VERIFY_KEY else str(next(home().root.glob("key.pub")))
    done = subprocess.run([sys.executable, *command, "--public_key", key], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


EVIL = "import pathlib; pathlib.Path({mark!r}).touch()\n"


@pytest.mark.parametrize(
    "name", ["generator_pyfunc.py", "artifacts/network.py", "artifacts/weights.safetensors", "new.py"]
)
@pytest.mark.parametrize("key", [True, False], ids=["with a key", "without"])
def test_altered_files_are_refused_and_none_of_their_code_runs(
    name: str, key: bool, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not key:
        monkeypatch.delenv(VERIFY_KEY)
    mark = tmp_path / "it ran"
    path = stored / name
    path.write_bytes(EVIL.format(mark=str(mark)).encode() + (path.read_bytes() if path.exists() else b""))
    with pytest.raises(RegistryError, match=r"models:/m/1 is not loaded: its files have the sha256 .* were altered"):
        LoadedGenerator.load(champion())
    with pytest.raises(RegistryError, match="altered"):
        fetch_start(Start("models:/m/1", "0" * 64, {}), tmp_path / "init.safetensors")
    problems = {link.what: link.problems for link in trace_lineage(LineageConfig(model=URI)).links if link.problems}
    assert "altered" in " ".join(problems["signature"])
    assert not mark.exists()


@pytest.mark.parametrize("key", [True, False], ids=["with a key", "without"])
def test_bytecode_beside_the_code_is_neither_an_alteration_nor_run(
    key: bool, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A consumer who loads a version in place leaves bytecode in the store; somebody else may have put it there."""
    if not key:
        monkeypatch.delenv(VERIFY_KEY)
    mark, code = tmp_path / "it ran", tmp_path / "network.py"
    code.write_text(EVIL.format(mark=str(mark)))
    for module in [stored / "generator_pyfunc.py", stored / "artifacts" / "network.py"]:
        planted = cache_from_source(str(module))
        Path(planted).parent.mkdir(exist_ok=True)
        py_compile.compile(str(code), planted, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert LoadedGenerator.load(champion()).labels == ["bright", "dark"]
    problems = [link.problems for link in trace_lineage(LineageConfig(model=URI)).links if link.what == "signature"]
    assert problems == [[]]
    assert not mark.exists()
    # A version that was registered with its bytecode is still the one that was registered.
    monkeypatch.delenv(VERIFY_KEY, raising=False)
    retag(champion().tags | {FILES_TAG: files_sha256(stored)})
    assert LoadedGenerator.load(champion()).labels == ["bright", "dark"]
    assert not mark.exists()


def test_whoever_can_write_to_the_registry_too_cannot_sign(stored: Path, tmp_path: Path) -> None:
    (stored / "artifacts" / "network.py").write_text("raise SystemExit('it ran')\n")
    retag(champion().tags | {FILES_TAG: files_sha256(stored)})
    with pytest.raises(RegistryError, match=r"its signature does not fit the key .*network\.py"):
        LoadedGenerator.load(champion())
    (stored / MODEL_SIGNATURE).write_text("{}")
    with pytest.raises(RegistryError, match="its signature does not fit"):
        LoadedGenerator.load(champion())
    (stored / MODEL_SIGNATURE).unlink()
    with pytest.raises(RegistryError, match=f"it is not signed, and {VERIFY_KEY} asks for it"):
        LoadedGenerator.load(champion())


def test_another_persons_signature_is_refused(stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private, public = make_keys(tmp_path)
    monkeypatch.setenv(SIGNING_KEY, str(private))
    sign_version(SignConfig(model=URI))
    with pytest.raises(RegistryError, match=r"its signature does not fit the key"):
        LoadedGenerator.load(champion())
    monkeypatch.setenv(VERIFY_KEY, str(public))
    assert LoadedGenerator.load(champion())


def test_a_version_without_a_hash_is_not_loaded_until_a_person_accepts_it(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VERIFY_KEY)
    retag({name: value for name, value in champion().tags.items() if name != FILES_TAG})
    with pytest.raises(RegistryError, match=f"it has no tag {FILES_TAG}; check where it comes from"):
        LoadedGenerator.load(champion())
    assert sign_version(SignConfig(model=URI)).files_sha256 == champion().tags[FILES_TAG]
    assert LoadedGenerator.load(champion())


def test_altered_files_are_not_signed(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIGNING_KEY, str(home().root / "key.pem"))
    (stored / "new.py").write_text("")
    with pytest.raises(RegistryError, match="is not signed: its files have the sha256"):
        sign_version(SignConfig(model=URI))


@pytest.mark.parametrize("name", [SIGNING_KEY, VERIFY_KEY])
def test_keys_that_cannot_be_are_refused_before_work_starts(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, str(tmp_path / "gone.pem"))
    with pytest.raises(RegistryError, match=f"{name} is .*which is not a file; make a pair with `openssl"):
        check_keys()
    (tmp_path / "no.pem").write_text("no key")
    monkeypatch.setenv(name, str(tmp_path / "no.pem"))
    with pytest.raises(RegistryError, match=f"{name} is .*does not contain an unencrypted PEM key"):
        check_keys()
    monkeypatch.setenv(name, str(make_keys(tmp_path)[0]))
    check_keys()
    monkeypatch.setitem(sys.modules, "model_signing.signing", None)
    with pytest.raises(RegistryError, match=r"need model-signing .*pip install 'shardgan\[signing\]'"):
        check_keys()


def test_one_file_cannot_stand_for_two(tmp_path: Path) -> None:
    """A name with a line break could make the hashed list look as if a file were there that is not."""
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    digest = hashlib.sha256(b"b").hexdigest()
    assert len(files_sha256(tmp_path)) == 64
    (tmp_path / "b").unlink()
    (tmp_path / "a").rename(tmp_path / f"a\n{digest}  b")
    with pytest.raises(RegistryError, match="line break"):
        files_sha256(tmp_path)


def test_a_link_out_of_a_versions_folder_is_noticed(stored: Path, tmp_path: Path) -> None:
    """Code behind a link would lie outside of what is hashed."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "evil.py").write_text("raise SystemExit('run')")
    (stored / "artifacts" / "more").symlink_to(tmp_path / "outside")
    try:
        with pytest.raises(RegistryError, match=r"outside the artifact directory|altered"):
            LoadedGenerator.load(champion())
    finally:
        (stored / "artifacts" / "more").unlink()
