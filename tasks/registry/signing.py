"""Verification of a version's files: a hash in the registry, and a signature when keys are configured.

The tag `files_sha256` is checked before anything of a version is loaded, because MLflow runs code that lies beside the
weights. Somebody who can write to the registry could change the tag as well. Signatures protect against that. They need
an elliptic curve's private and public key, each in a PEM file:

    SHARDGAN_SIGNING_KEY   path of the private key: versions are signed when they are registered (model.sig)
    SHARDGAN_VERIFY_KEY    path of the public key: no version is loaded without a signature that it fits

Signatures are those of OpenSSF model-signing (extra `signing`), which verifies them without this repository too.
"""

import hashlib
import os
import shutil
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
from tasks.registry.config import SIGNING_KEY, VERIFY_KEY
from tasks.tracking.model_ref import uri_of
from tasks.tracking.outages import has_no_connection
from tasks.tracking.tags import VersionTags

MODEL_SIGNATURE = "model.sig"
# The signature itself, and what MLflow writes beside a copy that it has fetched.
NOT_SIGNED = (MODEL_SIGNATURE, "registered_model_meta")


def files_sha256(folder: Path) -> str:
    """Return one sha256 over the names and hashes of all files that a version consists of.

    Raises RegistryError for a name with a line break: in the hashed text it would look like several files.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    if odd := [name for name in names if "\n" in name or "\r" in name]:
        raise RegistryError(
            f"the file {odd[0]!r} of a version has a line break in its name, which shardgan never writes"
        )
    lines = [f"{file_sha256(folder / name)}  {name}\n" for name in names if name not in NOT_SIGNED]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def delete_bytecode(folder: Path) -> None:
    """Delete every `__pycache__` below `folder`."""
    for cache in list(folder.rglob("__pycache__")):
        shutil.rmtree(cache)


@contextmanager
def fetched_model(uri: str) -> Iterator[Path]:
    """Fetch a copy of a model's files, which is deleted at the end. Raises RegistryError when that fails."""
    with tempfile.TemporaryDirectory(prefix="model-") as scratch:
        try:
            folder = Path(mlflow.artifacts.download_artifacts(uri, dst_path=scratch))
        except (MlflowException, OSError) as error:
            if has_no_connection(error):
                raise  # an outage, after which the task tries again; the files may be right
            raise RegistryError(f"the files of {uri} cannot be fetched: {error}") from error
        yield folder


@contextmanager
def proven_model(version: ModelVersion) -> Iterator[Path]:
    """Fetch a copy of a version's files and verify them: the registered hash and, with a key, the signature.

    Raises RegistryError if the verification fails. No code of the version has run before that.
    """
    uri = uri_of(version)
    with fetched_model(uri) as folder:
        if problems := find_forgery(version, folder):
            raise RegistryError(f"{uri} is not loaded: {'; '.join(problems)}")
        yield folder


def verify_version(version: ModelVersion) -> None:
    """Raise RegistryError when the version's files fail verification, as `find_forgery` describes."""
    with fetched_model(uri_of(version)) as folder:
        if problems := find_forgery(version, folder):
            raise RegistryError(f"{uri_of(version)} cannot be champion: {'; '.join(problems)}")


def find_forgery(version: ModelVersion, folder: Path) -> list[str]:
    """Return what is wrong with the files in `folder`, compared with the version. Empty when they are verified.

    `folder` is a copy. Python's bytecode is deleted from it: a program that loads a model in place leaves bytecode in
    the store. Such bytecode was not registered and must not run.
    """
    expected = VersionTags.of(version).files_sha256
    if not expected:
        name = VersionTags.name("files_sha256")
        return [f"it has no tag {name}; check where it comes from, then accept it with `shardgan sign`"]
    if files_sha256(folder) == expected:
        # Bytecode that was registered is part of the hash and of the signature, so both are verified with it.
        problems = find_wrong_signature(folder)
        delete_bytecode(folder)
        return problems
    delete_bytecode(folder)
    if (found := files_sha256(folder)) != expected:
        return [f"its files have the sha256 {found[:12]}, but {expected[:12]} was registered: they were altered"]
    return find_wrong_signature(folder)


def find_wrong_signature(folder: Path) -> list[str]:
    """Return what is wrong with the signature. Empty when it is valid, or when no key to verify with is set."""
    if not (key := _key_file(VERIFY_KEY)):
        return []
    if not (folder / MODEL_SIGNATURE).is_file():
        return [f"it is not signed, and {VERIFY_KEY} asks for it; sign it with `shardgan sign`"]
    library = _library()
    verifier = library.verifying.Config().use_elliptic_key_verifier(public_key=key)
    verifier.set_hashing_config(_covered(library))
    try:
        verifier.verify(folder, folder / MODEL_SIGNATURE)
    except Exception as error:  # the library raises errors of JSON, of keys and of hashes
        reason = str(error) or type(error).__name__
        return [f"its signature does not fit the key {key} ({reason[:300]})"]
    return []


def make_signature(folder: Path) -> VersionTags:
    """Write model.sig into `folder` if a signing key is set. Returns the tags that record what was signed."""
    delete_bytecode(folder)
    digest = files_sha256(folder)
    if key := _key_file(SIGNING_KEY):
        library = _library()
        try:
            signer = library.signing.Config().use_elliptic_key_signer(private_key=key)
            signer.set_hashing_config(_covered(library)).sign(folder, folder / MODEL_SIGNATURE)
        except (OSError, ValueError, TypeError) as error:
            raise RegistryError(f"{SIGNING_KEY} is {str(key)!r}, which cannot sign: {error}; {_HOW}") from error
        return VersionTags(files_sha256=digest, signed_by=key_name(key))
    return VersionTags(files_sha256=digest)


class SignOutcome(BaseModel):
    """What was signed: the sha256 of the version's files, and the name of the key. No key gives an empty name."""

    model_config = ConfigDict(frozen=True)

    model: str
    files_sha256: str
    signed_by: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        signer = self.signed_by or "nobody: SHARDGAN_SIGNING_KEY is not set"
        return [("model", self.model), ("files", f"sha256 {self.files_sha256}"), ("signed by", signer)]


def accept_version(client: MlflowClient, version: ModelVersion) -> SignOutcome:
    """Sign a version that is already registered. Record the hash of its files if it has none yet.

    Raises RegistryError if the files are not the registered ones.
    """
    uri = uri_of(version)
    prefix, _, model_id = str(version.source).partition(":/")
    if prefix != "models":
        raise RegistryError(
            f"{uri} is not signed: its source is not a logged model of MLflow 3, so shardgan did not register it"
        )
    with fetched_model(uri) as folder:
        registered = VersionTags.of(version).files_sha256
        as_stored = files_sha256(folder)
        tags = make_signature(folder)
        if registered not in ("", as_stored, tags.files_sha256):
            raise RegistryError(f"{uri} is not signed: {'; '.join(find_forgery(version, folder))}")
        if tags.signed_by:
            client.log_model_artifact(model_id, str(folder / MODEL_SIGNATURE))
    tags.write(client, version)
    return SignOutcome(model=uri, files_sha256=tags.files_sha256, signed_by=tags.signed_by)


def key_name(key: Path) -> str:
    """Return the first digits of the public key's sha256. Both files of a pair give the same digits."""
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
    """Raise RegistryError when a configured key cannot be used. Called before training starts, not after it."""
    for name in (SIGNING_KEY, VERIFY_KEY):
        if key := _key_file(name):
            try:
                key_name(key)
            except (ValueError, TypeError) as error:
                raise RegistryError(
                    f"{name} is {str(key)!r}, which does not contain an unencrypted PEM key: {error}; {_HOW}"
                ) from error
            _library()


def _key_file(name: str) -> Path | None:
    value = os.environ.get(name)
    if not value:
        return None
    path = Path(value).expanduser()
    if not path.is_file():
        raise RegistryError(f"{name} is {value!r}, which is not a file; {_HOW}")
    return path


def _covered(library: Any) -> Any:
    """Return what a signature covers: every file but NOT_SIGNED. By default the library leaves out those of Git."""
    return library.hashing.Config().set_ignored_paths(paths=NOT_SIGNED, ignore_git_paths=False)


def _library() -> Any:
    try:
        for part in ("hashing", "signing", "verifying"):
            import_module(f"model_signing.{part}")
        return import_module("model_signing")
    except ImportError as error:
        raise RegistryError(
            f"{SIGNING_KEY} and {VERIFY_KEY} need model-signing ({error}): pip install 'shardgan[signing]'"
        ) from error
