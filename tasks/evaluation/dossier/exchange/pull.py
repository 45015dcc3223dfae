"""Pull: registers a version from a repository. Everything is verified first, and nothing of it is run.

The scores of the sender are kept in the dossier, but they do not become scores of this registry: here, they decide
about promotions, so they must be measured here. The version gets no alias.
"""

import json
import os
import tempfile
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict

from shards import Dataset, DatasetError
from tasks.errors import RegistryError
from tasks.evaluation.dossier.config import PullConfig
from tasks.evaluation.dossier.exchange.hub import fetch
from tasks.evaluation.dossier.exchange.repository import Repository, known_code, read_repository
from tasks.evaluation.dossier.writing import artifact_path
from tasks.home import home
from tasks.registry.config import VERIFY_KEY
from tasks.registry.signing import check_keys, fetched_model, files_sha256
from tasks.tracking.model_ref import uri_of
from tasks.tracking.runs import connect, experiment_id
from tasks.tracking.tags import NETS_BEFORE, VersionTags

# What the sender says about the version, and what is taken over: its origin, but neither scores nor decisions.
TAKEN_OVER = ("run", "dataset", "dataset_version", "commit", "nimg", "nimg_seen", "chosen", "weights_sha256")
LONGEST = 1000  # characters of a tag


class PullOutcome(BaseModel):
    """What was registered. `unknown_code` names files that differ from those of this installation.

    `has_dataset` tells whether the version's dataset is in this home.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    origin: str
    files_sha256: str
    signature: str
    unknown_code: list[str]
    was_known: bool
    dataset: str = ""
    has_dataset: bool = True

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        code = "the same as that of this installation"
        if self.unknown_code:
            names = ", ".join(self.unknown_code)
            code = f"differs from this installation's, and runs when the model is loaded: {names}"
        return [
            ("model", f"{self.model}{' (it was registered before)' if self.was_known else ''}"),
            ("pulled from", self.origin),
            ("files", f"sha256 {self.files_sha256}, every hash verified"),
            ("signature", self.signature),
            ("code", code),
            ("next", self._next()),
        ]

    def _next(self) -> str:
        if self.has_dataset:
            return f"shardgan evaluate --model {self.model}"
        return f"its dataset {self.dataset or 'is unknown'} is not in this home, so it cannot be scored here"


def pull_model(config: PullConfig) -> PullOutcome:
    """Fetch a repository, verify it, and register its version.

    Raises RequestError where something is wrong with the repository; nothing was registered then. A version with the
    same files that is registered under the same name already is returned as it is.
    """
    check_keys()
    with tempfile.TemporaryDirectory(prefix="pull-") as scratch:
        fetched = fetch(config.repo, config.revision, Path(scratch))
        repository = read_repository(fetched.folder, config.files_sha256)
        client = connect(home())
        name = config.model or repository.record.model
        known = find_same(client, name, repository.record.files_sha256)
        version = known or register(client, repository, name, fetched.origin)
        tags = VersionTags.of(version)
        return PullOutcome(
            model=uri_of(version),
            origin=fetched.origin,
            files_sha256=repository.record.files_sha256,
            signature=_signature(),
            unknown_code=[file for file, is_known in known_code(repository.model).items() if not is_known],
            was_known=known is not None,
            dataset=f"{tags.dataset}@{tags.dataset_version}" if tags.dataset else "",
            has_dataset=bool(tags.manifest),
        )


def _signature() -> str:
    key = os.environ.get(VERIFY_KEY)
    return f"verified with {key}" if key else f"not verified: {VERIFY_KEY} names no key"


def find_same(client: MlflowClient, name: str, digest: str) -> ModelVersion | None:
    """Return the newest version of this name with the same files, or None."""
    found = client.search_model_versions(f"name = '{name}' and tags.`{VersionTags.name('files_sha256')}` = '{digest}'")
    return max(found, key=lambda version: int(version.version), default=None)


def register(client: MlflowClient, repository: Repository, name: str, origin: str) -> ModelVersion:
    """Store the files as a model of MLflow, compare them with what was verified, and register them.

    MLflow's own functions for that would load the model, which runs its code, so its files are copied.
    """
    experiment = experiment_id(client, home(), name)
    run = client.create_run(experiment, run_name=f"pull {name}", tags={VersionTags.name("pulled_from"): origin})
    run_id = str(run.info.run_id)
    model = client.create_logged_model(experiment, name="generator", source_run_id=run_id)
    client.log_model_artifacts(model.model_id, str(repository.model))
    with fetched_model(f"models:/{model.model_id}") as folder:
        if (found := files_sha256(folder)) != repository.record.files_sha256:
            client.set_terminated(run_id, "FAILED")
            raise RegistryError(f"MLflow stored other files (sha256 {found}) than it was given: pull again")
    client.finalize_logged_model(model.model_id, "READY")
    path = artifact_path(repository.record.model, repository.record.version)
    for file in repository.dossier:
        client.log_artifact(run_id, str(file), path)
    client.set_terminated(run_id)
    tags = tags_of(repository, origin).as_tags() | VersionTags(dossier=path, dossier_sha256=repository.sums).as_tags()
    version: ModelVersion = mlflow.register_model(f"models:/{model.model_id}", name, tags=tags)
    return version


def tags_of(repository: Repository, origin: str) -> VersionTags:
    """Return the tags of the new version: what the sender says about its origin, and where it was pulled from."""
    said = repository.record.tags
    values = {field: _bounded(said[field]) for field in TAKEN_OVER if said.get(field)}
    tags = VersionTags.model_validate(
        values | {"files_sha256": repository.record.files_sha256, "pulled_from": origin[:LONGEST]}
    )
    changes: dict[str, object] = {"feature_nets": json.dumps(_nets(said.get("feature_nets")), sort_keys=True)}
    if manifest := _find_dataset(tags):
        changes["manifest"] = manifest
    return VersionTags.model_validate(tags.model_dump(exclude_unset=True) | changes)


def _bounded(value: object) -> object:
    return value[:LONGEST] if isinstance(value, str) else value


def _nets(said: object) -> dict[str, str]:
    """Return the feature nets of the training as the sender says, and those that count where nothing is said.

    A sender who leaves one out does not make a score independent of the net that chooses checkpoints.
    """
    try:
        found = json.loads(str(said)) if said else {}
    except ValueError:
        found = {}
    nets = {str(net)[:100]: str(use)[:200] for net, use in found.items()} if isinstance(found, dict) else {}
    return NETS_BEFORE | nets


def _find_dataset(tags: VersionTags) -> str:
    """Return the manifest of the same dataset version if it is in this home. The sender's location is not used."""
    try:
        return Dataset.open(f"{tags.dataset}@{tags.dataset_version}", home().shared).uri
    except DatasetError:
        return ""
