"""Streamed batches: every epoch is a permutation, any position is reached directly, damage is reported."""

import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards import Dataset, ShardError, SplitError, WindowedSplit
from shards.reading.open_shards import OpenShards
from shards.reading.order import WindowOrder
from tests.shards.conftest import BuildOnce


@pytest.fixture
def manifest(build_once: BuildOnce, tmp_path: Path) -> str:
    settings = {"resolution": 8, "samples_per_shard": 7, "encoding": "png", "val_fraction": 0}
    return Dataset.open("pets", build_once(tmp_path / "root", settings)).uri


def open_split(manifest: str, shuffle_buffer: int = 10) -> WindowedSplit:
    return Dataset.open(manifest).windows("train", shuffle_buffer)


COUNTS = st.lists(st.integers(1, 9), min_size=1, max_size=6).map(tuple)


@settings(deadline=None)
@given(counts=COUNTS, seed=st.integers(0, 2**40), window=st.integers(1, 60), epoch=st.integers(0, 5))
def test_every_epoch_is_a_permutation_within_its_windows(
    counts: tuple[int, ...], seed: int, window: int, epoch: int
) -> None:
    total = sum(counts)
    places = np.arange(epoch * total, (epoch + 1) * total)
    shards, rows = WindowOrder(counts, seed, window).rows(places)
    every = sorted((shard, row) for shard, count in enumerate(counts) for row in range(count))
    assert sorted(zip(shards.tolist(), rows.tolist(), strict=True)) == every
    # Unshuffled, the same order: each window holds just the samples that lie there.
    laid = list(zip(*(part.tolist() for part in WindowOrder(counts, seed, 1).rows(places)), strict=True))
    for start in range(0, total, window):
        here = slice(start, start + window)
        assert sorted(zip(shards[here].tolist(), rows[here].tolist(), strict=True)) == sorted(laid[here])


@settings(deadline=None)
@given(counts=COUNTS, seed=st.integers(0, 99), window=st.integers(1, 60), start=st.integers(0, 200))
def test_any_position_gives_the_same_batches_as_reading_up_to_it(
    counts: tuple[int, ...], seed: int, window: int, start: int
) -> None:
    order = WindowOrder(counts, seed, window)
    walked, opened = order.rows(np.arange(start + 20)), order.rows(np.arange(start, start + 20))
    assert all(np.array_equal(one[start:], other) for one, other in zip(walked, opened, strict=True))


def test_epochs_and_seeds_differ() -> None:
    places = np.arange(80)
    rows = WindowOrder((8, 8, 8, 8, 8), 0, 100).rows(places)[1]
    assert rows[:40].tolist() != rows[40:].tolist()
    assert rows.tolist() != WindowOrder((8, 8, 8, 8, 8), 1, 100).rows(places)[1].tolist()


@pytest.mark.parametrize("shuffle_buffer", [1, 10, 1000])
def test_an_epoch_holds_the_pixels_and_labels_of_the_resident_split(manifest: str, shuffle_buffer: int) -> None:
    resident = Dataset.open(manifest).open_split("train")
    images, labels = next(open_split(manifest, shuffle_buffer).batches(40, seed=3))
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64

    def told(images: np.ndarray, labels: np.ndarray) -> list[tuple[bytes, int]]:
        return sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))

    assert told(images, labels) == told(resident.images, resident.labels)


def test_a_batch_larger_than_the_split_spans_epochs(manifest: str) -> None:
    images, _ = next(open_split(manifest).batches(100, seed=0))
    _, counts = np.unique(images.reshape(100, -1), axis=0, return_counts=True)
    assert sorted(counts.tolist()) == [2] * 20 + [3] * 20


@pytest.mark.parametrize("start_batch", [1, 4, 11])
def test_resumed_batches_are_the_same(manifest: str, start_batch: int) -> None:
    split = open_split(manifest)
    whole = list(islice(split.batches(6, seed=1), start_batch + 3))
    opened = list(islice(split.batches(6, seed=1, start_nimg=6 * start_batch), 3))
    for (one, _), (other, _) in zip(whole[start_batch:], opened, strict=True):
        assert np.array_equal(one, other)


def test_ranks_share_the_same_global_batch(manifest: str) -> None:
    split = open_split(manifest)
    whole = [images for images, _ in islice(split.batches(8, seed=1), 7)]
    ranks = [[i for i, _ in islice(split.batches(8, seed=1, rank=r, world_size=4), 7)] for r in range(4)]
    for number, images in enumerate(whole):
        assert np.array_equal(np.concatenate([rank[number] for rank in ranks]), images)


def test_only_shards_that_are_needed_are_read(manifest: str) -> None:
    split = open_split(manifest, shuffle_buffer=1)
    shards, _ = WindowOrder(tuple(r.nsamples for r in split.manifest.shards("train")), 0, 1).rows(np.arange(4))
    for number, record in enumerate(split.manifest.shards("train")):
        if number not in shards:
            Path(manifest).with_name(record.url).unlink()
    assert len(next(split.batches(4, seed=0))[0]) == 4


def test_a_shard_that_was_cut_off_is_named(manifest: str) -> None:
    shard = Path(manifest).with_name(Dataset.open(manifest).manifest.shards("train")[2].url)
    os.truncate(shard, shard.stat().st_size - 600)
    with pytest.raises(ShardError, match=rf"{shard.name}.*cut off"):
        list(islice(open_split(manifest).batches(8, seed=0), 5))


def test_an_altered_shard_is_named(manifest: str) -> None:
    shard = Path(manifest).with_name(Dataset.open(manifest).manifest.shards("train")[1].url)
    content = bytearray(shard.read_bytes())
    content[700] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ShardError, match=rf"{shard.name}.*altered"):
        list(islice(open_split(manifest).batches(8, seed=0), 5))


def test_an_unknown_split_is_refused_at_once(manifest: str) -> None:
    with pytest.raises(SplitError, match="no split 'test'"):
        Dataset.open(manifest).windows("test", 10)


def test_remote_shards_are_cached_within_bounds_and_leave_nothing_behind(
    manifest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in Path(manifest).parent.iterdir():
        memory.pipe_file(f"/far/{path.name}", path.read_bytes())
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    near, far = open_split(manifest), open_split("memory://far/manifest.json")
    for (one, _), (other, _) in zip(
        islice(near.batches(8, seed=0), 12), islice(far.batches(8, seed=0), 12), strict=True
    ):
        assert np.array_equal(one, other)
    records = far.manifest.shards("train")
    budget = 2 * max(record.bytes for record in records)
    shards = OpenShards(far.manifest_uri, far.manifest, records, budget)
    for number in [0, 1, 2, 1, 3, 0]:
        shards.read(number, 0).decode()
        assert sum(one.cached_bytes for one in shards._open.values()) <= budget
    shards.close()
    assert not list(scratch.iterdir())
