"""A version's files are those that were registered: by a hash in the registry, and by a signature where keys are given.

The tag `shardgan.files_sha256` is checked before anything of a version is loaded: MLflow runs code that lies beside the
weights. Whoever can write to the registry too could change the tag as well; against that stand two PEM files, an
elliptic curve's private and public key:

    SHARDGAN_SIGNING_KEY   path of the private key: versions are signed when they are registered (model.sig)
    SHARDGAN_VERIFY_KEY    path of the public key: no version is loaded without a signature that it fits

Signatures are those of OpenSSF model-signing (extra `signing`), which verifies them without this repository too.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict

from models.training.checkpoints import file_sha256
from tasks.errors import RegistryError

SIGNING_KEY, VERIFY_KEY = "SHARDGAN_SIGNING_KEY", "SHARDGAN_VERIFY_KEY"
MODEL_SIGNATURE = "model.sig"
FILES_TAG, SIGNER_TAG = "shardgan.files_sha256", "shardgan.signed_by"
# The signature itself, and what MLflow writes beside a copy that it has fetched.
NOT_SIGNED = (MODEL_SIGNATURE, "registered_model_meta")


def files_sha256(folder: Path) -> str:
    """One sha256 over the names and hashes of all files that a version consists of."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    lines = [f"{file_sha256(folder / name)}  {name}\n" for name in names if name not in NOT_SIGNED]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@contextmanager
def fetched_model(uri: str) -> Iterator[Path]:
    """A copy of a model's files, gone at the end; raises RegistryError where they cannot be had."""
    with tempfile.TemporaryDirectory(prefix="model-") as scratch:
        try:
            folder = Path(mlflow.artifacts.download_artifacts(uri, dst_path=scratch))
        except (MlflowException, OSError) as error:
            raise RegistryError(f"the files of {uri} cannot be fetched: {error}") from error
        yield folder


@contextmanager
def proven_model(version: ModelVersion) -> Iterator[Path]:
    """A copy of a version's files, proven to be what was registered and, with a key, who signed it.

    Raises RegistryError where they are not; nothing of them has been run or read by then.
    """
    uri = f"models:/{version.name}/{version.version}"
    with fetched_model(uri) as folder:
        if problems := find_forgery(version, folder):
            raise RegistryError(f"{uri} is not loaded: {'; '.join(problems)}")
        yield folder


def find_forgery(version: ModelVersion, folder: Path) -> list[str]:
    """What speaks against the files in `folder` being those of the version; empty where nothing does."""
    expected = version.tags.get(FILES_TAG)
    if not expected:
        return [f"it has no tag {FILES_TAG}; look where it comes from, then accept it with `shardgan sign`"]
    if (found := files_sha256(folder)) != expected:
        return [f"its files have the sha256 {found[:12]}, {expected[:12]} were registered: they were altered"]
    return find_wrong_signature(folder)


def find_wrong_signature(folder: Path) -> list[str]:
    """What is wrong with the signature; empty where it is right, or no key says who should have signed."""
    if not (key := _key_file(VERIFY_KEY)):
        return []
    if not (folder / MODEL_SIGNATURE).is_file():
        return [f"it is not signed, and {VERIFY_KEY} asks for it; sign it with `shardgan sign`"]
    verifier = _library().verifying.Config().use_elliptic_key_verifier(public_key=key)
    try:
        verifier.verify(folder, folder / MODEL_SIGNATURE)
    except Exception as error:  # of JSON, of keys, of hashes: the library passes on whatever comes up
        reason = str(error) or type(error).__name__
        return [f"its signature does not fit the key {key} ({reason[:300]})"]
    return []


def make_signature(folder: Path) -> dict[str, str]:
    """Write model.sig into `folder` where a key to sign with is given; returns the tags that say what was signed."""
    tags = {FILES_TAG: files_sha256(folder)}
    if key := _key_file(SIGNING_KEY):
        library = _library()
        hashing = library.hashing.Config().set_ignored_paths(paths=NOT_SIGNED, ignore_git_paths=False)
        try:
            signer = library.signing.Config().use_elliptic_key_signer(private_key=key)
            signer.set_hashing_config(hashing).sign(folder, folder / MODEL_SIGNATURE)
        except (OSError, ValueError, TypeError) as error:
            raise RegistryError(f"{SIGNING_KEY} is {str(key)!r}, which does not sign: {error}; {_HOW}") from error
        tags[SIGNER_TAG] = key_name(key)
    return tags


class SignOutcome(BaseModel):
    """What was signed: the sha256 of the version's files, and the name of the key (empty: none was given)."""

    model_config = ConfigDict(frozen=True)

    model: str
    files_sha256: str
    signed_by: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        signer = self.signed_by or "nobody: SHARDGAN_SIGNING_KEY is not set"
        return [("model", self.model), ("files", f"sha256 {self.files_sha256}"), ("signed by", signer)]


def accept_version(client: MlflowClient, version: ModelVersion) -> SignOutcome:
    """Sign a version that is registered already, and record its files' hash where there is none yet.

    Raises RegistryError for files that are not those that were registered.
    """
    uri = f"models:/{version.name}/{version.version}"
    prefix, _, model_id = str(version.source).partition(":/")
    if prefix != "models":
        raise RegistryError(f"{uri} is not signed: it is no logged model of MLflow 3, so shardgan did not make it")
    with fetched_model(uri) as folder:
        tags = make_signature(folder)
        if version.tags.get(FILES_TAG, tags[FILES_TAG]) != tags[FILES_TAG]:
            raise RegistryError(f"{uri} is not signed: {'; '.join(find_forgery(version, folder))}")
        if SIGNER_TAG in tags:
            client.log_model_artifact(model_id, str(folder / MODEL_SIGNATURE))
    for key, value in tags.items():
        client.set_model_version_tag(version.name, version.version, key, value)
    return SignOutcome(model=uri, files_sha256=tags[FILES_TAG], signed_by=tags.get(SIGNER_TAG, ""))


def key_name(key: Path) -> str:
    """The first digits of the sha256 of the public key, of either file."""
    serialization = import_module("cryptography.hazmat.primitives.serialization")
    content = key.read_bytes()
    if b"PRIVATE KEY" in content:
        public = serialization.load_pem_private_key(content, None).public_key()
    else:
        public = serialization.load_pem_public_key(content)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(public.public_bytes(serialization.Encoding.PEM, form)).hexdigest()[:16]


_HOW = "make a pair with `openssl ecparam -name prime256v1 -genkey -noout -out KEY` and `openssl ec -in KEY -pubout`"


def check_keys() -> None:
    """Raise RegistryError where a key is asked for that is not there, before hours of training and not after."""
    for name in (SIGNING_KEY, VERIFY_KEY):
        if key := _key_file(name):
            try:
                key_name(key)
            except (ValueError, TypeError) as error:
                raise RegistryError(f"{name} is {str(key)!r}, which holds no plain PEM key: {error}; {_HOW}") from error
            _library()


def _key_file(name: str) -> Path | None:
    value = os.environ.get(name)
    if not value:
        return None
    path = Path(value).expanduser()
    if not path.is_file():
        raise RegistryError(f"{name} is {value!r}, which is no file; {_HOW}")
    return path


def _library() -> Any:
    try:
        for part in ("hashing", "signing", "verifying"):
            import_module(f"model_signing.{part}")
        return import_module("model_signing")
    except ImportError as error:
        raise RegistryError(
            f"{SIGNING_KEY} and {VERIFY_KEY} need model-signing ({error}): pip install 'shardgan[signing]'"
        ) from error
