"""Settings of dossiers, and the libraries of the extra `dossier`. Imports neither torch, MLflow nor Prefect."""

from importlib.util import find_spec

from pydantic import Field

from models import Settings
from tasks.errors import RequestError
from tasks.tracking.model_ref import ModelName, ModelUri

__all__ = ["DossierConfig", "PullConfig", "PushConfig", "check_extra", "is_folder"]

# The module of each library of the extra, and the name under which it is installed.
EXTRA = {"cyclonedx": "cyclonedx-python-lib", "huggingface_hub": "huggingface_hub", "jsonschema": "jsonschema"}
LICENSE = Field(
    "",
    max_length=100,
    pattern=r"^[A-Za-z0-9.+-]*$",
    title="Licence of the weights",
    description="SPDX identifier, such as Apache-2.0 or CC-BY-NC-4.0. The weights follow from your images, so only you "
    "can say it; empty: the dossier says that nobody has",
)
READ_SHARDS = Field(
    True,
    title="Read all shards",
    description="check each shard against its sha256, and the dataset version against its content; off: the dossier "
    "says that nobody did",
)
REPO = Field(
    min_length=1,
    max_length=1000,
    title="Repository",
    description="owner/name on the Hugging Face Hub, or a folder: a path that begins with . / or ~",
)


class DossierConfig(Settings):
    """The version, and where its dossier goes."""

    model: ModelUri
    out: str = Field(
        "",
        max_length=1000,
        title="Folder",
        description="new or empty folder for the dossier; empty: reports/NAME-VERSION-dossier in the home",
    )
    license: str = LICENSE
    shards: bool = READ_SHARDS
    attach: bool = Field(
        True, title="Attach", description="also keep the dossier with the version: as artifacts of its MLflow run"
    )


class PushConfig(Settings):
    """The version, and the repository that receives it with its dossier."""

    model: ModelUri
    repo: str = REPO
    license: str = LICENSE
    shards: bool = READ_SHARDS
    private: bool = Field(True, title="Private", description="a new repository on the Hub is private")
    message: str = Field("", max_length=500, title="Message", description="message of the commit on the Hub")


class PullConfig(Settings):
    """The repository, and the name under which its version is registered here."""

    repo: str = REPO
    model: ModelName = ""
    revision: str = Field(
        "", max_length=200, title="Revision", description="branch, tag or commit on the Hub; empty: its main branch"
    )
    files_sha256: str = Field(
        "",
        pattern="^([0-9a-f]{64})?$",
        title="Expected sha256",
        description="sha256 of all files of the version, as its sender told you on another way; empty: not compared",
    )


def is_folder(repo: str) -> bool:
    """Return whether a repository's name is that of a folder on this machine."""
    return repo.startswith((".", "/", "~"))


def check_extra(*modules: str) -> None:
    """Raise RequestError if a library of the extra is not installed. Without names, all of them are looked for."""
    if missing := [EXTRA[module] for module in modules or EXTRA if find_spec(module) is None]:
        raise RequestError(f"this needs {' and '.join(missing)}: pip install 'shardgan[dossier]'")
