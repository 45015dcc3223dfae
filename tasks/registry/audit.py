"""The chain behind a registered version, link by link from its weights to its data and code, each one checked."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict, ValidationError

from models.training.checkpoints import file_sha256
from shards import Dataset, DatasetError
from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry.config import LineageConfig
from tasks.registry.signing import SIGNER_TAG, VERIFY_KEY, fetched_model, find_forgery
from tasks.registry.versions import ARTIFACT_FILES, resolve_version
from tasks.tracking.runs import connect
from tasks.trainer.run_directory import RunDirectory

TAGS = ("shardgan.dataset", "shardgan.dataset_version", "shardgan.manifest", "shardgan.commit")
CONFIG_FIELDS = {"shardgan.dataset": "dataset", "shardgan.dataset_version": "dataset_version", "shardgan.run": "run"}


class Link(BaseModel):
    """One link: what it is, where or which, and what is wrong with it."""

    model_config = ConfigDict(frozen=True)

    what: str
    value: str
    problems: list[str] = []


class LineageOutcome(BaseModel):
    """The chain from the version to its data and code; `whole` where nothing is missing or altered."""

    model_config = ConfigDict(frozen=True)

    model: str
    whole: bool
    links: list[Link]

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        rows: list[tuple[str, str]] = []
        for link in self.links:
            rows.append((link.what, link.value))
            rows += [("", f"WRONG: {problem}") for problem in link.problems]
        return [*rows, ("lineage", "whole: every hash is as recorded" if self.whole else "broken")]


def trace_lineage(config: LineageConfig) -> LineageOutcome:
    """Follow the version back and check every hash on the way; reads all shards.

    Raises RegistryError where there is no such version; what is wrong on the way stands in the links.
    """
    client = connect(home())
    version = resolve_version(client, config.model)
    links = list(_links(client, version))
    whole = not any(link.problems for link in links)
    return LineageOutcome(model=f"models:/{version.name}/{version.version}", whole=whole, links=links)


def _links(client: MlflowClient, version: ModelVersion) -> Iterator[Link]:
    tags = version.tags
    yield Link(what="version", value=f"models:/{version.name}/{version.version}", problems=_missing_tags(tags))
    yield from _files(version)
    run = _mlflow_run(client, version)
    yield from _run_directory(tags, run)
    yield from _dataset(tags)
    commit = tags.get("shardgan.commit", "unknown")
    unknown = ["the commit of the code is not known"] if commit == "unknown" else []
    yield Link(what="code commit", value=commit, problems=unknown)
    yield _tracked(tags, version, run)
    flow_run = run.data.tags.get("prefect.flow_run_id", "") if run else ""
    yield Link(what="Prefect flow run", value=flow_run or "none: it was trained outside of a flow")


def _missing_tags(tags: dict[str, str]) -> list[str]:
    names = ("shardgan.run", "shardgan.weights_sha256", *TAGS)
    return [f"the version has no tag {name}" for name in names if not tags.get(name)]


def _files(version: ModelVersion) -> Iterator[Link]:
    """The version's files: the weights' own hash, the hash of all, and the signature where a key is given."""
    expected = version.tags.get("shardgan.weights_sha256", "")
    try:
        with fetched_model(f"models:/{version.name}/{version.version}") as folder:
            yield Link(what="weights", value=f"sha256 {expected}", problems=_wrong_weights(folder, expected))
            yield _signature(version, find_forgery(version, folder))
    except RegistryError as error:
        yield Link(what="weights", value=f"sha256 {expected}", problems=[str(error)])


def _wrong_weights(folder: Path, expected: str) -> list[str]:
    """The weights and the network's file against the hashes in tag and spec."""
    try:
        spec = json.loads((folder / "artifacts" / ARTIFACT_FILES["spec"]).read_text())
        return _wrong_artifacts(folder / "artifacts", {**spec["sha256"]}, expected)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"the version's files cannot be read: {error}"]


def _signature(version: ModelVersion, problems: list[str]) -> Link:
    signer = version.tags.get(SIGNER_TAG)
    said = f"by the key {signer}" if signer else "none"
    checked = "" if os.environ.get(VERIFY_KEY) else f", not checked: {VERIFY_KEY} names no key"
    return Link(what="signature", value=f"{said}{checked}", problems=problems)


def _wrong_artifacts(folder: Path, expected: dict[str, str], tag: str) -> list[str]:
    problems = []
    if expected["weights"] != tag:
        problems.append(f"spec.json says the weights have sha256 {expected['weights']}, the version's tag says {tag}")
    for name, digest in expected.items():
        found = file_sha256(folder / ARTIFACT_FILES[name])
        if found != digest:
            problems.append(f"{ARTIFACT_FILES[name]} has sha256 {found}, expected {digest}")
    return problems


def _mlflow_run(client: MlflowClient, version: ModelVersion) -> Run | None:
    try:
        return client.get_run(version.run_id) if version.run_id else None
    except MlflowException:
        return None


def _run_directory(tags: dict[str, str], run: Run | None) -> Iterator[Link]:
    name = tags.get("shardgan.run", "unknown")
    path = Path(run.data.tags.get("shardgan.run_dir", "") if run else home().runs / name)
    config = path / "config.json"
    if not config.is_file():
        yield Link(what="run", value=name, problems=[f"there is no run directory {path} on this machine"])
        return
    yield Link(what="run", value=str(path))
    yield Link(what="config", value=f"{config}, sha256 {file_sha256(config)}", problems=_wrong_config(path, tags))


def _wrong_config(path: Path, tags: dict[str, str]) -> list[str]:
    try:
        config = RunDirectory(path).config().model_dump()
    except ValidationError as error:
        return [f"config.json is not a run's: {error.errors()[0]['msg']}"]
    pairs = [(field, config[field], tags.get(tag)) for tag, field in CONFIG_FIELDS.items()]
    return [f"config.json says {field} {found}, the version says {tag}" for field, found, tag in pairs if found != tag]


def _dataset(tags: dict[str, str]) -> Iterator[Link]:
    uri = tags.get("shardgan.manifest", "")
    try:
        dataset = Dataset.open(uri)
    except DatasetError as error:
        yield Link(what="dataset", value=uri or "unknown", problems=[str(error)])
        return
    manifest, expected = dataset.manifest, tags.get("shardgan.dataset_version")
    altered = [] if manifest.version == expected else [f"it is version {manifest.version}, trained on was {expected}"]
    made_by = f", made by {manifest.synthetic.model}" if manifest.synthetic else ""
    yield Link(what="dataset", value=f"{manifest.name} in {uri}{made_by}", problems=altered)
    samples = sum(record.nsamples for record in manifest.shardlist)
    value = f"{len(manifest.shardlist)} with {samples:,} images from {manifest.source}"
    yield Link(what="shards", value=value, problems=list(dataset.find_damage()))


def _tracked(tags: dict[str, str], version: ModelVersion, run: Run | None) -> Link:
    """The MLflow run, with the dataset among its inputs."""
    if run is None:
        return Link(what="MLflow run", value=version.run_id or "none", problems=["the tracking server has no such run"])
    problems: list[str] = []
    inputs: list[Any] = run.inputs.dataset_inputs if run.inputs else []
    digests = [f"{one.dataset.name}@{one.dataset.digest}" for one in inputs]
    expected = f"{tags.get('shardgan.dataset')}@{tags.get('shardgan.dataset_version')}"
    if expected not in digests:
        problems.append(f"its inputs are {', '.join(digests) or 'none'}, not {expected}")
    return Link(what="MLflow run", value=f"{run.info.run_id} ({run.info.status})", problems=problems)
