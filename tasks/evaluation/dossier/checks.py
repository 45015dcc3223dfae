"""The lineage of a version with every hash: which were checked, which could not be, and which failed.

`shardgan lineage` answers whether the lineage is whole on this machine. A dossier is read elsewhere, so it also says
what could not be checked, and it names no path of this machine.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from models.training.checkpoints import file_sha256
from shards import Dataset, Manifest
from shards.dataset.verification import ShardState
from tasks.errors import RegistryError
from tasks.registry.config import VERIFY_KEY
from tasks.registry.signing import (
    MODEL_SIGNATURE,
    delete_bytecode,
    fetched_model,
    files_sha256,
    find_wrong_signature,
)
from tasks.registry.versions import ARTIFACT_FILES
from tasks.tracking.model_ref import uri_of
from tasks.tracking.tags import VersionTags
from tasks.trainer.run_directory import RunConfig

Status = Literal["checked", "failed", "not checked"]
CHECKED: Status = "checked"
FAILED: Status = "failed"
NOT_CHECKED: Status = "not checked"
IN_CONFIG = ("dataset", "dataset_version", "run")


class Check(NamedTuple):
    """One link of the lineage: what it is, its value, and whether the value is as recorded."""

    what: str
    value: str
    status: Status
    reason: str = ""  # why it failed or was not checked


def compare(what: str, value: str, expected: str, found: str) -> Check:
    """Return whether a hash is as recorded. Nothing was recorded where `expected` is empty."""
    if not expected:
        return Check(what, value, NOT_CHECKED, "no hash was recorded to compare it with")
    if found != expected:
        return Check(what, value, FAILED, f"its sha256 is {found}, and {expected} was recorded")
    return Check(what, value, CHECKED)


def check_files(version: ModelVersion, folder: Path, spec: dict[str, Any]) -> Iterator[Check]:
    """Check a copy of the version's files: all together, each artifact, the exported graphs, and the signature."""
    tags = VersionTags.of(version)
    yield check_all_files(tags, folder)
    recorded: dict[str, str] = spec.get("sha256", {})
    for name, expected in recorded.items():
        if name in ARTIFACT_FILES:
            yield _check_artifact(folder, ARTIFACT_FILES[name], expected)
    if tags.weights_sha256:
        found = recorded.get("weights", "")
        yield compare("weights in the registry", f"sha256 {tags.weights_sha256}", tags.weights_sha256, found)
    present = {file_sha256(path): path.name for path in sorted((folder / "artifacts").glob("generator.*"))}
    for name, expected in sorted(tags.graph_sha256.items()):
        value = f"{present.get(expected, 'not among the files')}, sha256 {expected}"
        reason = "" if expected in present else "no file of the version has this sha256"
        yield Check(f"exported graph {name}", value, CHECKED if expected in present else FAILED, reason)
    yield check_signature(tags, folder)


def check_all_files(tags: VersionTags, folder: Path) -> Check:
    """Compare one hash over all files with the registry's. Bytecode that somebody left there is deleted first."""
    found = files_sha256(folder)
    if found != tags.files_sha256:
        delete_bytecode(folder)
        found = files_sha256(folder)
    return compare("all files of the version", f"sha256 {found}", tags.files_sha256, found)


def _check_artifact(folder: Path, name: str, expected: str) -> Check:
    path = folder / "artifacts" / name
    if not path.is_file():
        return Check(name, f"sha256 {expected}", FAILED, "the version has no such file")
    return compare(name, f"sha256 {expected}", expected, file_sha256(path))


def check_signature(tags: VersionTags, folder: Path) -> Check:
    """Verify the signature with the key in SHARDGAN_VERIFY_KEY."""
    is_signed = (folder / MODEL_SIGNATURE).is_file()
    value = f"by the key {tags.signed_by}" if tags.signed_by else "yes" if is_signed else "none"
    if not os.environ.get(VERIFY_KEY):
        reason = f"{VERIFY_KEY} names no key" if is_signed else "the version is not signed"
        return Check("signature", value, NOT_CHECKED, reason)
    problems = find_wrong_signature(folder)
    reason = "it is missing or does not fit the key" if problems else ""
    return Check("signature", value, FAILED if problems else CHECKED, reason)


def check_run(tags: VersionTags, run: Run | None, folder: Path, config: RunConfig | None) -> Iterator[Check]:
    """Check the run's settings against the version, and the run in MLflow against the dataset."""
    name = tags.run or "unknown"
    if config is None:
        yield Check("settings of the run", name, NOT_CHECKED, "the run's folder is not on this machine")
    else:
        wrong = [field for field in IN_CONFIG if getattr(config, field) != getattr(tags, field)]
        digest = f"{name}, config.json with sha256 {file_sha256(folder / 'config.json')}"
        told = ", ".join(f"{field} is {getattr(config, field)}" for field in wrong)
        reason = f"{told}, and the version says otherwise" if wrong else ""
        yield Check("settings of the run", digest, FAILED if wrong else CHECKED, reason)
        if config.init_sha256:
            yield _check_init(folder, config.init_sha256)
    if run is None:
        yield Check("run in MLflow", "none", NOT_CHECKED, "the tracking server has no such run")
        return
    inputs: list[Any] = run.inputs.dataset_inputs if run.inputs else []
    expected = f"{tags.dataset}@{tags.dataset_version}"
    is_input = expected in [f"{one.dataset.name}@{one.dataset.digest}" for one in inputs]
    reason = "" if is_input else f"{expected} is not among its inputs"
    yield Check("run in MLflow", str(run.info.run_id), CHECKED if is_input else FAILED, reason)


def _check_init(folder: Path, expected: str) -> Check:
    path = folder / "init.safetensors"
    if not path.is_file():
        return Check("initial weights", f"sha256 {expected}", NOT_CHECKED, "the run's folder does not hold them")
    return compare("initial weights", f"sha256 {expected}", expected, file_sha256(path))


def check_dataset(tags: VersionTags, dataset: Dataset | None, read: bool) -> tuple[list[Check], list[ShardState]]:
    """Check the manifest, each shard, and the dataset version against what the shards hold. `read` False: no shard."""
    name = f"{tags.dataset}@{tags.dataset_version}" if tags.dataset else "unknown"
    if dataset is None:
        return [Check("dataset", name, NOT_CHECKED, "its manifest is not on this machine")], []
    manifest = dataset.manifest
    is_same = manifest.version == tags.dataset_version
    reason = "" if is_same else f"the manifest is that of version {manifest.version}"
    found = [Check("manifest of the dataset", name, CHECKED if is_same else FAILED, reason)]
    if not read:
        reason = "shards were not read (shards=false)"
        return [*found, Check("shards", _count(manifest), NOT_CHECKED, reason)], []
    result = dataset.check_shards()
    return [*found, *_shard_checks(manifest, result.shards), _content_check(manifest, result.version)], result.shards


def _shard_checks(manifest: Manifest, shards: Sequence[ShardState]) -> Iterator[Check]:
    """Yield one check for all shards that are intact, and one for each that is not."""
    intact = sum(not one.problem for one in shards)
    if intact:
        number = f"{intact:,} of {len(shards):,} shards" if intact < len(shards) else _count(manifest)
        yield Check("shards", f"{number}, each with its sha256", CHECKED)
    for one in shards:
        if one.problem:
            status = NOT_CHECKED if one.is_missing else FAILED
            reason = "it is not on this machine" if one.is_missing else "it was altered, cut off or is not readable"
            yield Check(f"shard {one.record.url}", f"sha256 {one.record.sha256}", status, reason)


def _content_check(manifest: Manifest, found: str) -> Check:
    what, value = "dataset version from its content", manifest.version
    if not found:
        return Check(what, value, NOT_CHECKED, "it takes all shards")
    reason = "" if found == manifest.version else f"settings and samples give {found}"
    return Check(what, value, FAILED if reason else CHECKED, reason)


def _count(manifest: Manifest) -> str:
    images = sum(record.nsamples for record in manifest.shardlist)
    number = len(manifest.shardlist)
    return f"{number:,} shard{'s' if number != 1 else ''} with {images:,} images"


def check_parent(client: MlflowClient, what: str, sha256: str) -> Check:
    """Check the files of the registered version that has weights with this sha256."""
    value = f"weights with sha256 {sha256}"
    found = client.search_model_versions(f"tags.`{VersionTags.name('weights_sha256')}` = '{sha256}'")
    if not found:
        return Check(what, value, NOT_CHECKED, "no version in this registry has these weights")
    version = min(found, key=lambda one: (one.name, int(one.version)))
    try:
        with fetched_model(uri_of(version)) as folder:
            check = check_all_files(VersionTags.of(version), folder)
    except RegistryError:
        return Check(what, f"{uri_of(version)}, {value}", NOT_CHECKED, "its files cannot be fetched")
    return Check(what, f"{uri_of(version)}, {value}", check.status, check.reason)
