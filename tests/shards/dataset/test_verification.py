"""Every kind of damage to a version is found, and only damage."""

import json
import shutil
import tracemalloc
from hashlib import sha256
from pathlib import Path

import pytest

from shards import ShardConfig, build, load_manifest
from shards.building.writer import ShardWriter
from shards.dataset.verification import find_damage
from shards.layout.identity import VersionHash


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.shards.conftest import picture

    folder = tmp_path_factory.mktemp("verification")
    for number in range(12):
        path = folder / "source" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number, (12, 10)).save(path)
    config = ShardConfig(
        source=str(folder / "source"), dataset="x", resolution=8, samples_per_shard=4, workers=1, val_fraction=0.3
    )
    return Path(build(config, folder / "root").manifest).parent


@pytest.fixture
def copy(version: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(version, tmp_path / "version"))


def damage(folder: Path) -> list[str]:
    manifest = str(folder / "manifest.json")
    return list(find_damage(manifest, load_manifest(manifest)))


def edit(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_intact_version_has_no_damage(copy: Path) -> None:
    assert len(list(copy.glob("*.tar"))) > 2
    assert damage(copy) == []


def test_every_damaged_shard_is_named_and_the_version_is_not_blamed(copy: Path) -> None:
    first, second, *_ = sorted(copy.glob("*.tar"))
    first.unlink()
    content = bytearray(second.read_bytes())
    content[600] ^= 1
    second.write_bytes(content)
    found = damage(copy)
    assert len(found) == 2
    assert first.name in found[0]
    assert second.name in found[1]


def test_altered_settings_are_found(copy: Path) -> None:
    settings = json.loads((copy / "manifest.json").read_text())["settings"]
    edit(copy, settings=settings | {"encoding": "png"})
    (sentence,) = damage(copy)
    assert "was altered" in sentence
    edit(copy, settings=dict(reversed(settings.items())))
    assert damage(copy) == []


def test_another_version_is_found(copy: Path) -> None:
    edit(copy, version="0" * 16)
    (sentence,) = damage(copy)
    assert f"names the version {'0' * 16}" in sentence


def test_shard_left_out_of_the_manifest_is_found(copy: Path) -> None:
    shards = json.loads((copy / "manifest.json").read_text())["shardlist"]
    edit(copy, shardlist=shards[1:])
    assert len(damage(copy)) == 1


def test_memory_does_not_grow_with_the_number_of_samples(copy: Path, tmp_path: Path) -> None:
    few, many = (peak_of_verification(copy, tmp_path / str(count), count) for count in (200, 2000))
    assert many - few < 200_000  # a list of key and hash of each sample would have 600,000 bytes


def peak_of_verification(version: Path, folder: Path, count: int) -> int:
    """Write a version of `count` tiny samples, verify it, and return the bytes that Python used at most."""
    folder.mkdir()
    manifest = load_manifest(version / "manifest.json")
    writers = {split: ShardWriter(folder, split, max_samples=50, max_bytes=2**30) for split in ("train", "val")}
    found = VersionHash(manifest.settings)
    for key in sorted(sha256(b"%d" % number).hexdigest()[:24] for number in range(count)):
        writers["val" if key.endswith("0") else "train"].add(key, "jpg", key.encode(), None)
        found.add(key, sha256(key.encode()).hexdigest(), None)
    for writer in writers.values():
        writer.close()
    shards = [record for writer in writers.values() for record in writer.records]
    changes = {"shardlist": shards, "version": found.version()}
    tracemalloc.start()
    try:
        assert list(find_damage(str(folder / "manifest.json"), manifest.model_copy(update=changes))) == []
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
