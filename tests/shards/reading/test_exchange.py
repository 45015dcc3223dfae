"""Workers that share shards: one of them prepares a shard for all, and nothing stays behind when one is killed."""

import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from shards import Dataset
from shards.errors import ShardError
from shards.layout.manifest import load_manifest
from shards.reading.exchange import ShardExchange
from shards.reading.open_shards import OpenShards
from tests.shards.conftest import BuildOnce


@pytest.fixture
def folder(build_once: BuildOnce, tmp_path: Path) -> Path:
    settings = {"resolution": 8, "samples_per_shard": 7, "encoding": "png", "val_fraction": 0}
    return Path(Dataset.open("pets", build_once(tmp_path / "root", settings)).uri).parent


@pytest.fixture
def far(folder: Path) -> str:
    memory = fsspec.filesystem("memory")
    for path in folder.iterdir():
        memory.pipe_file(f"/exchange/{path.name}", path.read_bytes())
    return "memory://exchange/manifest.json"


def opened(uri: str, exchange: ShardExchange) -> OpenShards:
    manifest = load_manifest(uri)
    return OpenShards(uri, manifest, manifest.shards("train"), 10**6, exchange=exchange)


def in_a_child(work: Callable[[], object]) -> int:
    """Run in a forked process, which is held until it is killed. Return its id when the work is done."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            work()
            os.write(writing, b"x")
            signal.pause()
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert file.read(1) == b"x"
    return child


def end(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_copy_of_another_process_is_read_and_outlives_it(far: str) -> None:
    exchange = ShardExchange(6)
    theirs, ours = opened(far, exchange), opened(far, exchange)
    child = in_a_child(lambda: [theirs.read(number, 0) for number in (0, 1)])
    memory = fsspec.filesystem("memory")
    for number in (0, 1):
        memory.rm(f"/exchange/train-{number:06d}.tar")  # who reads it now has it from the other process
    first = ours.read(0, 3)
    end(child)
    assert ours.read(0, 3) == first
    first.decode()
    with pytest.raises(ShardError, match=r"train-000001\.tar"):
        ours.read(1, 0)  # the copy ended with its only process
    ours.close()


def test_local_shards_are_checked_and_indexed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange, uri = ShardExchange(6), str(folder / "manifest.json")
    theirs, ours, alone = opened(uri, exchange), opened(uri, exchange), opened(uri, ShardExchange(6))
    child = in_a_child(lambda: theirs.read(2, 0))
    expected = alone.read(2, 4)

    def refuse(*_: object) -> None:
        pytest.fail("the shard is checked again")

    with monkeypatch.context() as patch:
        patch.setattr("shards.reading.open_shards.verify", refuse)
        assert ours.read(2, 4) == expected
    other = opened(uri, exchange)
    shard = folder / "train-000002.tar"
    content = bytearray(shard.read_bytes())
    content[700] ^= 1
    shard.unlink()
    shard.write_bytes(content)
    with pytest.raises(ShardError, match="altered"):
        other.read(2, 4)
    end(child)


def test_a_shard_that_a_killed_process_had_begun_is_taken_over() -> None:
    exchange = ShardExchange(2)
    child = in_a_child(lambda: exchange.acquire(0))
    assert exchange.is_coming(0)
    os.kill(child, signal.SIGKILL)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # it stays a zombie until it is waited for
    assert exchange.acquire(0) is None
    os.waitpid(child, 0)
    exchange.withdraw(0)
    assert not exchange.is_coming(0)


def test_another_file_at_the_same_descriptor_is_no_note(tmp_path: Path) -> None:
    exchange = ShardExchange(1)
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    descriptor = os.open(tmp_path / "one", os.O_RDONLY)
    assert exchange.acquire(0) is None
    exchange.publish(0, descriptor)
    note = exchange.acquire(0)
    assert note is not None
    assert os.read(note, 1) == b"1"
    os.close(note)
    other = os.open(tmp_path / "two", os.O_RDONLY)
    os.dup2(other, descriptor)
    assert exchange.acquire(0) is None
    os.close(other)
    os.close(descriptor)


def test_a_pickled_exchange_shares_nothing() -> None:
    exchange = ShardExchange(2)
    assert exchange.acquire(1) is None
    assert not pickle.loads(pickle.dumps(exchange)).is_coming(1)
