"""The lineage of a registered version, from its weights back to its data and code. Every link is checked."""

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
from tasks.registry.config import VERIFY_KEY, LineageConfig
from tasks.registry.signing import fetched_model, find_forgery
from tasks.registry.versions import ARTIFACT_FILES, resolve_version
from tasks.tracking.model_ref import uri_of
from tasks.tracking.runs import connect
from tasks.tracking.tags import RunTags, VersionTags
from tasks.trainer.run_directory import RunDirectory

NEEDED = ("run", "weights_sha256", "dataset", "dataset_version", "manifest", "commit")
IN_CONFIG = ("dataset", "dataset_version", "run")


class Link(BaseModel):
    """One link of the lineage: what it is, its value, and what is wrong with it."""

    model_config = ConfigDict(frozen=True)

    what: str
    value: str
    problems: list[str] = []


class LineageOutcome(BaseModel):
    """The lineage of a version. `whole` means that nothing is missing or altered."""

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
    """Trace the version back to its data and code, and check every hash. Reads all shards.

    Raises RegistryError if there is no such version. Other problems are not raised: the links describe them.
    """
    client = connect(home())
    version = resolve_version(client, config.model)
    links = list(_links(client, version))
    whole = not any(link.problems for link in links)
    return LineageOutcome(model=uri_of(version), whole=whole, links=links)


def _links(client: MlflowClient, version: ModelVersion) -> Iterator[Link]:
    tags = VersionTags.of(version)
    yield Link(what="version", value=uri_of(version), problems=_missing_tags(tags))
    yield from _files(version)
    run = run_of(client, version)
    yield from _run_directory(tags, run)
    yield from _dataset(tags.manifest, tags.dataset_version)
    for parent in tags.read_parents():
        if parent.manifest != tags.manifest:
            yield from _dataset(parent.manifest, parent.version)
    commit = tags.commit or "unknown"
    unknown = ["the commit of the code is not known"] if commit == "unknown" else []
    yield Link(what="code commit", value=commit, problems=unknown)
    yield _tracked(tags, version, run)
    flow_run = run.data.tags.get("prefect.flow_run_id", "") if run else ""
    yield Link(what="Prefect flow run", value=flow_run or "none: it was trained outside of a flow")


def _missing_tags(tags: VersionTags) -> list[str]:
    return [f"the version has no tag {VersionTags.name(field)}" for field in NEEDED if not getattr(tags, field)]


def _files(version: ModelVersion) -> Iterator[Link]:
    """Check the version's files: the hash of the weights, the hash of all files and, with a key, the signature."""
    expected = VersionTags.of(version).weights_sha256
    try:
        with fetched_model(uri_of(version)) as folder:
            yield Link(what="weights", value=f"sha256 {expected}", problems=_wrong_weights(folder, expected))
            yield _signature(version, find_forgery(version, folder))
    except RegistryError as error:
        yield Link(what="weights", value=f"sha256 {expected}", problems=[str(error)])


def _wrong_weights(folder: Path, expected: str) -> list[str]:
    """Compare the weights and the network's file with the hashes in the tag and in spec.json."""
    try:
        spec = json.loads((folder / "artifacts" / ARTIFACT_FILES["spec"]).read_text())
        return _wrong_artifacts(folder / "artifacts", {**spec["sha256"]}, expected)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"the version's files cannot be read: {error}"]


def _signature(version: ModelVersion, problems: list[str]) -> Link:
    signer = VersionTags.of(version).signed_by
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


def run_of(client: MlflowClient, version: ModelVersion) -> Run | None:
    """Return the MLflow run that registered the version, None if it has none or the run is deleted."""
    try:
        return client.get_run(version.run_id) if version.run_id else None
    except MlflowException:
        return None


def _run_directory(tags: VersionTags, run: Run | None) -> Iterator[Link]:
    name = tags.run or "unknown"
    path = Path(RunTags.of(run).run_dir) if run else home().runs / name
    config = path / "config.json"
    if not config.is_file():
        yield Link(what="run", value=name, problems=[f"there is no run directory {path} on this machine"])
        return
    yield Link(what="run", value=str(path))
    yield Link(what="config", value=f"{config}, sha256 {file_sha256(config)}", problems=_wrong_config(path, tags))


def _wrong_config(path: Path, tags: VersionTags) -> list[str]:
    try:
        run = RunDirectory(path).config()
    except ValidationError as error:
        return [f"config.json is not a run's: {error.errors()[0]['msg']}"]
    pairs: list[tuple[str, Any, Any]] = [(field, getattr(run, field), getattr(tags, field)) for field in IN_CONFIG]
    pairs.append(("parents", run.parents, tags.read_parents()))
    return [f"config.json says {field} {found}, the version says {tag}" for field, found, tag in pairs if found != tag]


def _dataset(uri: str, expected: str) -> Iterator[Link]:
    try:
        dataset = Dataset.open(uri)
    except DatasetError as error:
        yield Link(what="dataset", value=uri or "unknown", problems=[str(error)])
        return
    manifest = dataset.manifest
    altered = (
        [] if manifest.version == expected else [f"it is version {manifest.version}, but the training used {expected}"]
    )
    made_by = f", made by {manifest.synthetic.model}" if manifest.synthetic else ""
    if manifest.source_synthetic:
        made_by = f", from images that {manifest.source_synthetic.model} made"
    elif not made_by and manifest.num_marked_kept:
        made_by = f", with {manifest.num_marked_kept:,} files that say that they were generated"
    yield Link(what="dataset", value=f"{manifest.name} in {uri}{made_by}", problems=altered)
    samples = sum(record.nsamples for record in manifest.shardlist)
    value = f"{len(manifest.shardlist)} with {samples:,} images from {manifest.source}"
    yield Link(what="shards", value=value, problems=list(dataset.find_damage()))


def _tracked(tags: VersionTags, version: ModelVersion, run: Run | None) -> Link:
    """Check the MLflow run, and that the dataset is one of its inputs."""
    if run is None:
        return Link(what="MLflow run", value=version.run_id or "none", problems=["the tracking server has no such run"])
    problems: list[str] = []
    inputs: list[Any] = run.inputs.dataset_inputs if run.inputs else []
    digests = [f"{one.dataset.name}@{one.dataset.digest}" for one in inputs]
    wanted = [f"{one.dataset}@{one.version}" for one in tags.read_parents()]
    for expected in wanted or [f"{tags.dataset}@{tags.dataset_version}"]:
        if expected not in digests:
            problems.append(f"its inputs are {', '.join(digests) or 'none'}, not {expected}")
    return Link(what="MLflow run", value=f"{run.info.run_id} ({run.info.status})", problems=problems)
