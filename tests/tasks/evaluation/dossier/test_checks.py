"""Checks of hashes: what is as recorded, what is not here, and what was altered."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from shards import Dataset
from tasks.evaluation.dossier.checks import (
    CHECKED,
    FAILED,
    NOT_CHECKED,
    Check,
    check_dataset,
    check_files,
    check_parent,
    check_run,
)
from tasks.evaluation.dossier.facts import gather
from tasks.home import home
from tasks.registry.versions import resolve_version
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags


@pytest.fixture
def tags(old_home: Path) -> VersionTags:
    return VersionTags.of(resolve_version(connect(home()), "models:/first/1"))


@pytest.fixture
def dataset(old_home: Path, tmp_path: Path) -> Dataset:
    """A copy of the dataset, to be altered."""
    (folder,) = old_home.glob("datasets/first/1*")
    shutil.copytree(folder, tmp_path / "dataset")
    return Dataset.open(tmp_path / "dataset" / "manifest.json")


def statuses(checks: Sequence[Check]) -> dict[str, str]:
    return {one.what: one.status for one in checks}


def test_whole_version_is_checked_but_for_signature_and_code(old_home: Path) -> None:
    client = connect(home())
    facts = gather(client, resolve_version(client, "models:/first/1"), "", read_shards=False)
    found = statuses(facts.checks)
    assert {what for what, status in found.items() if status != CHECKED} == {"signature", "shards", "code"}
    assert "shards were not read (shards=false)" in [one.reason for one in facts.checks]
    assert (len(facts.files), facts.picture[:4]) == (12, b"\x89PNG")


def test_shards_that_are_intact_missing_or_altered(tags: VersionTags, dataset: Dataset) -> None:
    checks, shards = check_dataset(tags, dataset, read=True)
    assert set(statuses(checks).values()) == {CHECKED}
    assert [one.problem for one in shards] == ["", ""]
    assert checks[1].value == "2 shards with 25 images, each with its sha256"
    folder = Path(dataset.uri).parent
    (folder / "val-000000.tar").unlink()
    found = statuses(check_dataset(tags, dataset, read=True)[0])
    assert found["shard val-000000.tar"] == NOT_CHECKED
    assert found["dataset version from its content"] == NOT_CHECKED
    data = (folder / "train-000000.tar").read_bytes()
    (folder / "train-000000.tar").write_bytes(data[:-1] + b"x")
    checks, _ = check_dataset(tags, dataset, read=True)
    assert statuses(checks)["shard train-000000.tar"] == FAILED
    assert "shards" not in statuses(checks)
    assert statuses(check_dataset(tags, None, read=True)[0]) == {"dataset": NOT_CHECKED}


def test_dataset_of_another_version_fails(tags: VersionTags, dataset: Dataset) -> None:
    other = tags.model_copy(update={"dataset_version": "0" * 16})
    (check, _) = check_dataset(other, dataset, read=False)[0]
    assert (check.status, check.reason) == (FAILED, f"the manifest is that of version {dataset.manifest.version}")


def test_altered_files_fail_each_for_itself(old_home: Path, repository: Path) -> None:
    version = resolve_version(connect(home()), "models:/first/1")
    model = repository / "model"
    spec = {"sha256": {"weights": VersionTags.of(version).weights_sha256, "network": "0" * 64, "shield": "1" * 64}}
    (model / "artifacts" / "generator.onnx").unlink()
    found = statuses(list(check_files(version, model, spec)))
    assert found == {
        "all files of the version": FAILED,
        "weights.safetensors": CHECKED,
        "network.py": FAILED,
        "shield.safetensors": FAILED,
        "weights in the registry": CHECKED,
        "exported graph onnx": FAILED,
        "exported graph torch_export": CHECKED,
        "signature": NOT_CHECKED,
    }


def test_missing_run_and_unknown_parents_are_not_checked(tags: VersionTags, tmp_path: Path) -> None:
    assert set(statuses(list(check_run(tags, None, tmp_path, None))).values()) == {NOT_CHECKED}
    client = connect(home())
    parent = check_parent(client, "model that made the images", tags.weights_sha256)
    assert (parent.status, parent.value) == (CHECKED, f"models:/first/1, weights with sha256 {tags.weights_sha256}")
    unknown = check_parent(client, "model that made the images", "0" * 64)
    assert (unknown.status, unknown.reason) == (NOT_CHECKED, "no version in this registry has these weights")
