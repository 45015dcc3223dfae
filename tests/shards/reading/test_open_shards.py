"""How many shards are open at once, which is closed first, and what copies of remote shards may take."""

import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

from shards import Dataset, ShardConfig, build
from shards.errors import ShardError
from shards.layout.manifest import load_manifest
from shards.reading import open_shards
from shards.reading.open_shards import OpenShards
from tests.shards.conftest import picture


@pytest.fixture(scope="module")
def manifest_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Eight shards of two images each."""
    folder = tmp_path_factory.mktemp("open")
    for number in range(16):
        path = folder / "source" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        picture(number, (12, 10)).save(path)
    config = ShardConfig(
        source=str(folder / "source"), dataset="x", resolution=8, samples_per_shard=2, workers=1, val_fraction=0
    )
    return build(config, folder / "root").manifest


@pytest.fixture
def far(manifest_uri: str) -> str:
    memory = fsspec.filesystem("memory")
    for path in Path(manifest_uri).parent.iterdir():
        memory.pipe_file(f"/windows/{path.name}", path.read_bytes())
    return "memory://windows/manifest.json"


def opened(uri: str, cache_bytes: int) -> OpenShards:
    manifest = load_manifest(uri)
    return OpenShards(uri, manifest, manifest.shards("train"), cache_bytes)


@pytest.fixture
def local(manifest_uri: str) -> Iterator[OpenShards]:
    shards = opened(manifest_uri, 0)
    yield shards
    shards.close()


def test_shards_of_this_machine_take_no_cache(local: OpenShards) -> None:
    for number in range(8):
        local.read(number, 1).decode()
    assert list(local._open) == list(range(8))
    assert [shard.cached_bytes for shard in local._open.values()] == [0] * 8


def test_as_many_as_allowed_are_open_and_the_oldest_is_closed(
    local: OpenShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_shards, "_MOST_OPEN", 3)
    for number in (0, 1, 2, 0, 3):
        local.read(number, 0)
    assert list(local._open) == [2, 0, 3]
    descriptors = [shard.descriptor for shard in local._open.values()]
    local.close()
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


@pytest.mark.parametrize(("room", "kept"), [(0, 1), (1, 1), (2, 2), (2.5, 2), (3, 3)])
def test_copies_stay_within_the_cache(far: str, room: float, kept: int) -> None:
    size = load_manifest(far).shards("train")[0].bytes
    shards = opened(far, int(room * size))
    for number in range(5):
        shards.read(number, 0)
    assert [shard.cached_bytes for shard in shards._open.values()] == [size] * kept
    shards.close()
    assert not shards._open


def test_shards_that_are_needed_soon_are_copied_before(far: str) -> None:
    size = load_manifest(far).shards("train")[0].bytes
    shards = opened(far, 3 * size)
    shards.read(7, 0)
    shards.fetch_ahead([0, 1, 2, 3])
    assert list(shards._coming) == [0, 1, 2]  # as many as there is room for, and shard 7 has made room
    for number in (0, 1, 2):
        shards._coming[number].result()
    memory = fsspec.filesystem("memory")
    for number in (0, 1, 2):
        memory.rm(f"/windows/train-{number:06d}.tar")
    for number in (0, 1, 2):
        shards.read(number, 0)
    shards.fetch_ahead([4, 5])
    shards.close()
    assert not shards._coming
    assert not shards._open


def test_a_shard_that_cannot_be_copied_before_is_named_when_it_is_needed(far: str) -> None:
    shards = opened(far, 10**6)
    fsspec.filesystem("memory").rm("/windows/train-000001.tar")
    shards.fetch_ahead([0, 1])
    shards.read(0, 0)
    with pytest.raises(ShardError, match=r"train-000001\.tar"):
        shards.read(1, 0)
    shards.close()


def test_a_reader_copies_the_shards_of_this_window_and_the_next(far: str) -> None:
    stream = Dataset.open(far).windows("train", 4).batches(2, seed=0)
    first = [next(stream)[0] for _ in range(12)]
    again = Dataset.open(far).windows("train", 4, 1).batches(2, seed=0)  # no room: nothing is copied before
    assert all(np.array_equal(one, next(again)[0]) for one in first)


def test_shard_that_is_cut_off_while_it_is_open_is_named(manifest_uri: str, tmp_path: Path) -> None:
    for path in Path(manifest_uri).parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    shards = opened(str(tmp_path / "manifest.json"), 0)
    shards.read(2, 0)
    os.truncate(tmp_path / "train-000002.tar", 1024)
    with pytest.raises(ShardError, match=r"train-000002\.tar"):
        shards.read(2, 1)
    shards.close()


def test_batches_begin_at_the_first_image_of_the_only_rank(manifest_uri: str) -> None:
    split = Dataset.open(manifest_uri).windows("train", 5)
    default = next(split.batches(4, seed=0))
    named = next(split.batches(4, seed=0, start_nimg=0, rank=0, world_size=1, first=0, step=1))
    assert all(np.array_equal(one, other) for one, other in zip(default, named, strict=True))
    assert len(default[0]) == 4
    stream = split.batches(4, seed=0)
    second = [next(stream), next(stream)][1]
    assert np.array_equal(second[0], next(split.batches(4, seed=0, first=1))[0])
