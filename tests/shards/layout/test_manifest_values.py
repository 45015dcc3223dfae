"""Manifests written by hand: what each method gives, the bounds of every number, and how versions are found."""

import json
from pathlib import Path
from typing import Any

import fsspec
import pytest

from shards.config import ShardConfig
from shards.errors import DatasetError, SplitError
from shards.layout.manifest import Manifest, beside, load_manifest, resolve_dataset, versions

CONFIG = ShardConfig(source="x", dataset="pets", resolution=8)
SHA256 = "0" * 64


def record(url: str, split: str, **changes: Any) -> dict[str, Any]:
    return {"url": url, "split": split, "nsamples": 1, "bytes": 1, "sha256": SHA256} | changes


def content(version: str = "abc", **changes: Any) -> dict[str, Any]:
    return {
        "name": f"pets@{version}",
        "dataset": "pets",
        "version": version,
        "source": "x",
        "labels": ["cat", "dog", "owl"],
        "resolution": 8,
        "channels": 3,
        "counts": {
            "seen": 5,
            "kept": 3,
            "duplicates": 0,
            "quarantined": 2,
            "reasons": {"not_an_image": 1, "truncated": 1},
        },
        "num_samples_by_split": {"train": 3, "val": 0},
        "classes_by_split": {"train": {"cat": 2, "owl": 1}, "val": {}},
        "shardlist": [record("train-0.tar", "train"), record("train-1.tar", "train")],
        "settings": CONFIG.content_settings(),
        "libraries": {},
    } | changes


def made(**changes: Any) -> Manifest:
    return Manifest.model_validate_json(json.dumps(content(**changes)))


def test_what_a_manifest_says() -> None:
    manifest = made()
    assert manifest.wids_version == 1
    assert [one.url for one in manifest.shards("train")] == ["train-0.tar", "train-1.tar"]
    assert (manifest.num_samples("train"), manifest.num_samples("val")) == (3, 0)
    assert manifest.histogram("train") == {"cat": 2, "owl": 1}
    assert manifest.class_counts("train") == [2, 0, 1]
    assert manifest.recipe() == CONFIG.recipe()
    assert manifest.notes == []
    with pytest.raises(SplitError, match="'val'"):
        manifest.shards("val")
    for ask in (manifest.shards, manifest.num_samples, manifest.histogram):
        with pytest.raises(SplitError, match="'test'"):
            ask("test")


def test_files_that_are_not_images_are_counted_by_their_reason() -> None:
    counts = made().counts
    assert counts.not_images == 1
    assert counts.model_copy(update={"reasons": {"truncated": 2}}).not_images == 0


COUNTS = {"seen": 0, "kept": 0, "duplicates": 0, "quarantined": 0, "reasons": {}}
BOUNDS = [
    ({"resolution": 8}, True),
    ({"resolution": 7}, False),
    ({"resolution": 4096}, True),
    ({"resolution": 4097}, False),
    ({"counts": COUNTS}, True),
    ({"counts": COUNTS | {"seen": -1}}, False),
    ({"counts": COUNTS | {"seen": 2**40}}, True),
    ({"counts": COUNTS | {"seen": 2**40 + 1}}, False),
    ({"shardlist": [record("a.tar", "train", nsamples=0)]}, False),
    ({"shardlist": [record("a.tar", "train", bytes=0)]}, False),
    ({"shardlist": [record("a.tar", "train"), record("a.tar", "val")]}, False),
    ({"wids_version": 2}, False),
    ({"version": "../up"}, False),
]


@pytest.mark.parametrize(("changes", "allowed"), BOUNDS)
def test_bounds_of_what_a_manifest_may_say(changes: dict[str, Any], allowed: bool, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(content() | changes))
    if allowed:
        assert load_manifest(path).dataset == "pets"
        return
    with pytest.raises(DatasetError, match=next(iter(changes))):
        load_manifest(path)


def test_what_is_not_json_is_named_as_the_file(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("no JSON")
    with pytest.raises(DatasetError, match="the file: "):
        load_manifest(tmp_path / "manifest.json")


def test_file_as_large_as_no_manifest_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "manifest.json").open("wb") as file:
        file.truncate(2**28 + 1)
    with pytest.raises(DatasetError, match="more than 268435456 bytes"):
        load_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [("a/b/manifest.json", "a/b/t.tar"), ("manifest.json", "t.tar"), ("s3://b/c/manifest.json", "s3://b/c/t.tar")],
)
def test_shards_lie_beside_the_manifest(uri: str, expected: str) -> None:
    assert beside(uri, "t.tar") == expected


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for version in ("abc1", "abc2", "def3"):
        folder = tmp_path / "datasets" / "pets" / version
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps(content(version)))
    (tmp_path / "datasets" / "pets" / "unfinished").mkdir()
    hidden = tmp_path / "datasets" / "pets" / ".builds"
    hidden.mkdir()
    (hidden / "manifest.json").write_text("{}")
    (tmp_path / "datasets" / "pets" / "LATEST").write_text("abc2\n")
    return tmp_path


def test_complete_versions_are_listed(root: Path) -> None:
    assert versions(str(root / "datasets" / "pets")) == ["abc1", "abc2", "def3"]


@pytest.mark.parametrize(("ref", "version"), [("pets", "abc2"), ("pets@d", "def3"), ("pets@abc1", "abc1")])
def test_names_are_resolved(ref: str, version: str, root: Path) -> None:
    path = root / "datasets" / "pets" / version / "manifest.json"
    assert resolve_dataset(root, ref) == str(path)
    assert resolve_dataset(root, str(path)) == resolve_dataset(root, str(path.parent)) == str(path)


def test_local_uris_become_paths(root: Path) -> None:
    path = root / "datasets" / "pets" / "abc1" / "manifest.json"
    assert resolve_dataset("unused", f"file://{path}") == str(path)


def test_relative_roots_give_absolute_paths(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert resolve_dataset(".", "pets@abc1") == str(root / "datasets" / "pets" / "abc1" / "manifest.json")


def test_remote_versions_are_resolved(root: Path) -> None:
    memory = fsspec.filesystem("memory")
    for path in (root / "datasets").rglob("*"):
        if path.is_file():
            memory.pipe_file(f"/resolved/{path.relative_to(root)}", path.read_bytes())
    uri = "memory://resolved/datasets/pets/abc2/manifest.json"
    assert resolve_dataset("memory://resolved", "pets") == resolve_dataset("unused", uri) == uri


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("pets@abc", "matches several versions of 'pets'.*abc1, abc2"),
        ("pets@x", "matches no version of 'pets'.*abc1, abc2, def3"),
        ("cats", "no dataset 'cats'.*pets"),
        ("manifest.json", "no dataset 'manifest.json'"),
        ("pets@abc1@x", "matches no version"),
    ],
)
def test_what_cannot_be_resolved_is_explained(ref: str, message: str, root: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        resolve_dataset(root, ref)


@pytest.mark.parametrize("latest", ["gone", "", "abc2" + " " * 200 + "x"])
def test_latest_version_must_exist(latest: str, root: Path) -> None:
    path = root / "datasets" / "pets" / "LATEST"
    path.write_text(latest)
    if latest.startswith("abc2"):  # only the first 100 bytes are read
        assert resolve_dataset(root, "pets").endswith("abc2/manifest.json")
        return
    with pytest.raises(DatasetError, match="Name one of them: pets@abc1, pets@abc2, pets@def3"):
        resolve_dataset(root, "pets")


def test_empty_root_asks_for_a_build(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no datasets yet"):
        resolve_dataset(tmp_path, "pets")
