"""A split in memory: damaged shards are refused, and batches are the same after a resume."""

import shutil
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import shards.reading.resident
from shards import Dataset, ShardConfig, ShardError, Split, SplitError, build
from tests.shards.conftest import BuildOnce


@pytest.fixture
def manifest(build_once: BuildOnce, tmp_path: Path) -> str:
    settings = {"resolution": 16, "samples_per_shard": 10, "encoding": "png", "val_fraction": 0.2}
    return Dataset.open("pets", build_once(tmp_path / "root", settings)).uri


@pytest.fixture
def train(manifest: str) -> Split:
    return Dataset.open(manifest).open_split("train")


def test_split_holds_every_sample_once(manifest: str, train: Split) -> None:
    val = Dataset.open(manifest).open_split("val")
    assert train.images.shape == (len(train), 3, 16, 16)
    assert train.images.dtype == np.uint8
    assert train.labels.dtype == np.int64
    assert len(train) + len(val) == 40 == len({*train.keys, *val.keys})
    assert np.bincount(train.labels).tolist() == list(train.manifest.histogram("train").values())


def test_grey_split_has_one_channel(collection: Path, tmp_path: Path) -> None:
    config = ShardConfig(source=str(collection), dataset="grey", resolution=8, channels=1, labels="none")
    split = Dataset.open(build(config, tmp_path / "root").manifest).open_split("train")
    assert split.images.shape[1:] == (1, 8, 8)
    assert split.manifest.labels == []
    assert not split.labels.any()


@pytest.mark.parametrize(("ranks", "workers"), [(1, 1), (2, 1), (3, 4), (1, 64)])
def test_readers_share_a_split_without_loss(manifest: str, train: Split, ranks: int, workers: int) -> None:
    shares = [
        [s.key for s in Dataset.open(manifest).stream("train", rank=r, world_size=ranks, worker=w, num_workers=workers)]
        for r in range(ranks)
        for w in range(workers)
    ]
    assert [key for share in shares for key in share] == train.keys
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_streamed_sample_decodes_to_the_same_pixels(manifest: str, train: Split) -> None:
    sample = next(Dataset.open(manifest).stream("train"))
    assert sample.key == train.keys[0]
    assert sample.label == train.labels[0]
    assert np.array_equal(sample.decode(), train.images[0])


def numbered(count: int, train: Split) -> Split:
    """A split whose pixels are the number of the image."""
    images = np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1)
    return Split(images, np.arange(count), [str(number) for number in range(count)], train.manifest)


def stream(split: Split, batch_size: int, count: int, **options: int) -> list[int]:
    batches: Iterator[tuple[np.ndarray, np.ndarray]] = split.batches(batch_size, **options)
    return [int(label) for _, labels in islice(batches, count) for label in labels]


@pytest.mark.parametrize("batch_size", [1, 4, 7, 10, 25])
def test_every_epoch_sees_every_image_once(train: Split, batch_size: int) -> None:
    order = stream(numbered(10, train), batch_size, 40, seed=3)
    epochs = [order[start : start + 10] for start in range(0, len(order) - 9, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("start_batch", [0, 1, 5, 13])
def test_resumed_batches_are_the_same(train: Split, start_batch: int) -> None:
    split = numbered(10, train)
    whole = stream(split, 7, 20, seed=1)
    assert stream(split, 7, 20 - start_batch, seed=1, start_nimg=7 * start_batch) == whole[7 * start_batch :]


def test_ranks_share_the_same_global_batch(train: Split) -> None:
    split = numbered(10, train)
    whole = np.array(stream(split, 8, 6, seed=1)).reshape(6, 8)
    ranks = [np.array(stream(split, 8, 6, seed=1, rank=r, world_size=4)).reshape(6, 2) for r in range(4)]
    assert np.array_equal(np.concatenate(ranks, axis=1), whole)


def test_batch_that_ranks_cannot_share_is_refused(train: Split) -> None:
    with pytest.raises(ValueError, match="multiple of the number of ranks"):
        next(train.batches(7, seed=0, world_size=2))


@pytest.mark.parametrize(("split", "message"), [("test", "no split 'test'"), ("val", "'val'.*is empty")])
def test_an_unknown_or_empty_split_is_refused(collection: Path, tmp_path: Path, split: str, message: str) -> None:
    config = ShardConfig(source=str(collection), dataset="pets", resolution=8, val_fraction=0)
    with pytest.raises(SplitError, match=message):
        Dataset.open(build(config, tmp_path / "root").manifest).open_split(split)


def test_split_too_large_for_memory_is_refused(manifest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards.reading.resident, "_MEMORY_SHARE", 1e-12)
    with pytest.raises(SplitError, match="Stream it, or build the dataset at a lower resolution"):
        Dataset.open(manifest).open_split("train")


def first_shard(manifest: str) -> Path:
    return Path(manifest).parent / Dataset.open(manifest).manifest.shards("train")[0].url


def test_every_truncated_shard_is_refused(manifest: str) -> None:
    shard = first_shard(manifest)
    whole = shard.read_bytes()
    for length in range(0, len(whole), 512):
        shard.write_bytes(whole[:length])
        with pytest.raises(ShardError, match=f"{shard.name}.*has {length} bytes"):
            next(Dataset.open(manifest).stream("train"))


def test_every_shard_with_a_flipped_bit_is_refused(manifest: str) -> None:
    shard = first_shard(manifest)
    whole = shard.read_bytes()
    for place in np.random.default_rng(0).integers(0, 8 * len(whole), 200).tolist():
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        shard.write_bytes(damaged)
        with pytest.raises(ShardError, match=f"{shard.name}.*altered"):
            next(Dataset.open(manifest).stream("train"))


def test_missing_shard_is_named(manifest: str) -> None:
    first_shard(manifest).unlink()
    with pytest.raises(ShardError, match=r"train-000000.tar.*cannot be read"):
        Dataset.open(manifest).open_split("train")


def test_a_moved_dataset_can_be_read(manifest: str, tmp_path: Path, train: Split) -> None:
    shutil.move(Path(manifest).parent, tmp_path / "elsewhere")
    assert Dataset.open(tmp_path / "elsewhere" / "manifest.json").open_split("train").keys == train.keys


def test_shards_are_plain_webdataset(manifest: str, train: Split) -> None:
    with tarfile.open(first_shard(manifest)) as tar:
        names = tar.getnames()
        assert all(member.mtime == 0 and member.uid == 0 for member in tar)
    assert names[:2] == [f"{train.keys[0]}.cls", f"{train.keys[0]}.png"]
