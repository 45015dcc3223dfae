"""Shards are plain tar files with the same bytes as the standard library writes."""

import io
import tarfile
from hashlib import sha256
from pathlib import Path

from shards.building.writer import ShardWriter

SAMPLES = [("0" * 24, b""), ("f00", b"x"), ("a-b_c", bytes(511)), ("1", bytes(512)), ("2" * 60, bytes(100_000))]


def test_bytes_are_those_of_tarfile(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, "train", max_samples=100, max_bytes=10**9)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for number, (key, data) in enumerate(SAMPLES):
            shard, offset = writer.add(key, "jpg", data, number)
            for name, content in ((f"{key}.cls", str(number).encode()), (f"{key}.jpg", data)):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            assert shard == "train-000000.tar"
            assert buffer.getvalue()[offset : offset + len(data)] == data
    writer.close()
    (record,) = writer.records
    written = (tmp_path / record.url).read_bytes()
    assert written == buffer.getvalue()
    assert (record.bytes, record.sha256) == (len(written), sha256(written).hexdigest())


def test_shards_are_closed_by_count_and_by_size(tmp_path: Path) -> None:
    by_count = ShardWriter(tmp_path, "train", max_samples=2, max_bytes=10**9)
    by_size = ShardWriter(tmp_path, "val", max_samples=100, max_bytes=2000)
    for writer in (by_count, by_size):
        for number in range(5):
            writer.add(str(number), "png", bytes(900), None)
        writer.close()
    assert [record.nsamples for record in by_count.records] == [2, 2, 1]
    assert [record.nsamples for record in by_size.records] == [2, 2, 1]


def test_writer_without_samples_leaves_no_file(tmp_path: Path) -> None:
    ShardWriter(tmp_path, "train", max_samples=2, max_bytes=10).close()
    assert not list(tmp_path.iterdir())
