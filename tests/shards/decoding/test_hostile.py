"""Malicious shards, manifests, archives and listings are refused with a sentence, at low cost."""

import gzip
import hashlib
import io
import json
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from shards import BuildError, Dataset, DatasetError, ShardConfig, ShardError, SourceError, build
from shards.errors import RefusedError
from shards.images.conversion import convert
from shards.sources.source import list_entries


def png(side: int = 8, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (200, 30, 30)).save(buffer, "PNG", **options)
    return buffer.getvalue()


def tarred(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def header(name: str, *, kind: bytes = b"0", size: bytes = b"00000000000\0", real_size: bytes = b"") -> bytes:
    """A tar header with any claims, and a valid checksum."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT))
    block[124:136], block[156:157] = size, kind
    if real_size:  # of an old GNU sparse file: one piece of nothing, as long as it likes
        block[386:410], block[483:495] = b"00000000000\0" * 2, real_size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def version(folder: Path, shard: bytes, nsamples: int = 1, **changes: Any) -> str:
    """A dataset version with one hand-made shard. The manifest matches it, except for `changes`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train-000000.tar").write_bytes(shard)
    digest = hashlib.sha256(shard).hexdigest()
    record = {"url": "train-000000.tar", "split": "train", "nsamples": nsamples, "bytes": len(shard), "sha256": digest}
    config = ShardConfig(source="x", dataset="x", resolution=8)
    manifest = {
        "wids_version": 1,
        "name": "x@0123",
        "dataset": "x",
        "version": "0123",
        "source": "x",
        "labels": [],
        "resolution": 8,
        "channels": 3,
        "counts": {"seen": 1, "kept": 1, "duplicates": 0, "quarantined": 0, "reasons": {}},
        "num_samples_by_split": {"train": nsamples, "val": 0},
        "classes_by_split": {"train": {}, "val": {}},
        "shardlist": [record],
        "settings": config.content_settings(),
        "libraries": {},
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest | changes))
    return str(path)


def read_all_ways(manifest: str) -> list[str]:
    """The messages of all ways of reading, which must all refuse."""
    ways = (
        lambda: [sample.decode() for sample in Dataset.open(manifest).stream("train")],
        lambda: Dataset.open(manifest).open_split("train"),
        lambda: next(Dataset.open(manifest).windows("train", 8).batches(1, seed=0)),
    )
    said = []
    for way in ways:
        with pytest.raises(ShardError) as refused:
            way()
        said.append(str(refused.value))
    return said


HOSTILE_SHARDS = {
    "a sparse file of 8 GiB in 512 bytes": (
        header("key.jpg", kind=b"S", real_size=b"77777777777\0") + bytes(1024),
        "not a regular file",
    ),
    "a member larger than any sample": (header("key.jpg", size=b"77777777777\0") + bytes(1024), "A sample has"),
    "the same key twice": (tarred(("key.png", png()), ("key.jpg", png())), "the key 'key' twice"),
    "the same label twice": (tarred(("key.cls", b"0"), ("key.cls", b"1"), ("key.png", png())), "the key 'key' twice"),
    "compressed": (gzip.compress(tarred(("key.png", png()))), "not a readable tar file"),
    "a name of a megabyte": (header("x", kind=b"L", size=b"00010000001\0") + bytes(1024), "not a readable tar file"),
    "names of names of names": (
        (header("././@LongLink", kind=b"L", size=b"00000000001\0") + bytes(512)) * 3000 + bytes(1024),
        "not a readable tar file",
    ),
    "a size below zero": (header("key.jpg", size=b"\xff" * 12) + bytes(1024), "not a readable tar|A sample has"),
}


@pytest.mark.parametrize("case", HOSTILE_SHARDS)
def test_hostile_shards_are_refused_by_every_reader(case: str, tmp_path: Path) -> None:
    shard, message = HOSTILE_SHARDS[case]
    before = psutil.Process().memory_info().rss
    for said in read_all_ways(version(tmp_path, shard)):
        assert any(part in said for part in message.split("|")), said
    assert psutil.Process().memory_info().rss - before < 2**28


def test_picture_larger_than_its_datasets_is_refused_undecoded(tmp_path: Path) -> None:
    manifest = version(tmp_path, tarred(("key.png", png(4000))))
    assert all("4000 x 4000 pixels, but the dataset allows 64 pixels" in said for said in read_all_ways(manifest))


def test_label_that_no_class_has_is_refused(tmp_path: Path) -> None:
    shard = tarred(("key.cls", b"7"), ("key.png", png()))
    manifest = version(tmp_path, shard, labels=["a", "b"])
    assert all("the label 7, but x@0123 has 2 classes" in said for said in read_all_ways(manifest))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dataset", "../../../tmp/elsewhere"),
        ("dataset", "[link](https://example.org)"),
        ("version", "../0123"),
        ("resolution", 10**9),
        ("channels", 4),
        ("num_samples_by_split", {"train": 2**62, "val": 0}),
        ("num_samples_by_split", {"train": -1, "val": 0}),
        ("shardlist", [{"url": "../../secret.tar", "split": "train", "nsamples": 1, "bytes": 1, "sha256": "0" * 64}]),
        ("shardlist", [{"url": "/etc/passwd", "split": "train", "nsamples": 1, "bytes": 1, "sha256": "0" * 64}]),
        ("shardlist", [{"url": "a.tar", "split": "train", "nsamples": 1, "bytes": 1, "sha256": "0" * 64}] * 2),
        ("shardlist", [{"url": "a.tar", "split": "train", "nsamples": 1, "bytes": 1, "sha256": "beef"}]),
        ("surprise", 1),
    ],
)
def test_hostile_manifests_are_refused(field: str, value: object, tmp_path: Path) -> None:
    manifest = version(tmp_path, tarred(("key.png", png())), **{field: value})
    with pytest.raises(DatasetError, match=f"not a manifest of a dataset version: {field}"):
        Dataset.open(manifest)
    with pytest.raises(SourceError, match="not a manifest of a dataset version"):
        list(list_entries(ShardConfig(source=manifest, dataset="y")))


@pytest.mark.parametrize("settings", [{"source": "/etc"}, {"resolution": "all"}, {"nothing": 1}, {"resolution": 10**9}])
def test_settings_that_no_build_has_are_refused(settings: dict[str, Any], tmp_path: Path) -> None:
    manifest = Dataset.open(version(tmp_path, tarred(("key.png", png())), settings=settings)).manifest
    if settings == {"source": "/etc"}:
        assert manifest.recipe().resolution == 64  # its own word does not count
        return
    with pytest.raises(DatasetError, match="settings that no build has"):
        manifest.recipe()


def test_an_altered_shard_is_not_a_source(tmp_path: Path) -> None:
    shard = tarred(*((f"k{number}.png", png(8 + number)) for number in range(3)))
    manifest = version(tmp_path / "theirs", shard, nsamples=3)
    config = ShardConfig(source=manifest, dataset="mine", resolution=8, workers=1, val_fraction=0)
    assert build(config, tmp_path / "root").kept == 3
    altered = bytearray(shard)
    altered[600] ^= 1
    (tmp_path / "theirs" / "train-000000.tar").write_bytes(altered)
    with pytest.raises(BuildError, match=r"was altered: its sha256 is .*, its manifest says"):
        build(config, tmp_path / "another root")
    assert any("was altered" in sentence for sentence in Dataset.open(manifest).find_damage())


@pytest.mark.parametrize("label", [b"2", b"-1", b"x", b"9" * 200])
def test_shards_as_a_source_have_labels_that_classes_have(label: bytes, tmp_path: Path) -> None:
    manifest = version(tmp_path, tarred(("key.cls", label), ("key.png", png())), labels=["a", "b"])
    with pytest.raises(SourceError, match=r"x@0123 has 2 classes"):
        list(list_entries(ShardConfig(source=manifest, dataset="y")))


def test_compressed_archive_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.tar.gz"
    member = header("big.jpg", size=b"77777777777\0")
    bomb.write_bytes(gzip.compress(member + bytes(2**20)))
    with pytest.raises(SourceError, match=r"'big.jpg' would unpack it to more than 200 times its size"):
        list(list_entries(ShardConfig(source=str(bomb), dataset="y")))


def test_a_zip_bomb_loses_one_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(2**26))
        archive.writestr("good.png", png())
    # Its index says that it is small: only unpacking it would tell.
    packed = (tmp_path / "bomb.zip").read_bytes()
    (tmp_path / "bomb.zip").write_bytes(packed.replace(struct.pack("<I", 2**26), struct.pack("<I", 1000)))
    config = ShardConfig(source=str(tmp_path / "bomb.zip"), dataset="y", resolution=8, workers=1, memory_limit_mb=256)
    outcome = build(config, tmp_path / "root")
    assert (outcome.kept, outcome.reasons) == (1, {"truncated": 1})


def text_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("before", [True, False], ids=["before the pixels", "behind them"])
@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_compressed_text_in_a_png_is_bounded(kind: bytes, before: bool) -> None:
    body = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}[kind] + zlib.compress(bytes(2**25))
    data, place = png(), 33 if before else -12
    recipe = ShardConfig(source="x", dataset="x", resolution=8).recipe()
    with pytest.raises(RefusedError, match="Decompressed data too large"):
        convert(data[:place] + text_chunk(kind, body) + data[place:], recipe)


def rows_of(path: Path, content: bytes) -> list[Any]:
    path.write_bytes(content)
    return [entry.place for entry in list_entries(ShardConfig(source=str(path), dataset="y"))]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"5\n", "holds '5' instead of a JSON object"),
        ("a.jsonl", b"[" * 100_000 + b"\n", "recursion"),
        ("a.jsonl", b'{"path": "' + b"x" * 2**21 + b'"}\n', "a line of more than"),
        ("a.csv", b"path\n" + b"x" * 2**21, "a line of more than"),
        ("a.csv", b"path\n" + b"x" * 200_000 + b"\n", "field larger than field limit"),
        ("a.csv", b"path\n\xff\xfe\n", "can't decode"),
        ("a.csv.gz", gzip.compress(b"path\nx.jpg\n", mtime=0), "cannot be listed"),
        ("a.tgz", b"\x1f\x8b\x08", "cannot be listed"),
    ],
)
def test_hostile_listings_are_refused(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=message):
        rows_of(tmp_path / name, content)


def test_each_invalid_name_loses_one_row(tmp_path: Path) -> None:
    listing = tmp_path / "a.jsonl"
    names = ["a\0b.png", "\ud800.png", "", ".", "/dev/zero", "good.png"]
    listing.write_text("".join(json.dumps({"path": name}) + "\n" for name in names))
    (tmp_path / "good.png").write_bytes(png())
    outcome = build(ShardConfig(source=str(listing), dataset="y", resolution=8, workers=1), tmp_path / "root")
    assert (outcome.seen, outcome.kept, outcome.reasons) == (6, 1, {"unreadable": 5})


@pytest.mark.parametrize("bytes_column", ["", "path"])
def test_parquet_of_six_kilobytes_that_holds_gigabytes(bytes_column: str, tmp_path: Path) -> None:
    big = pa.DictionaryArray.from_arrays(pa.array(np.zeros(4096, np.int32)), pa.array(["a" * 20_000_000]))
    columns = {"path": pa.array([b""] * 4096), "label": big} if bytes_column else {"path": big}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 20_000
    config = ShardConfig(
        source=str(tmp_path / "a.parquet"), dataset="y", bytes_column=bytes_column, memory_limit_mb=512
    )
    before = psutil.Process().memory_info().rss
    with pytest.raises(SourceError, match=r"more memory than memory_limit_mb allows|has a text of 20000000 characters"):
        list(list_entries(config))
    assert psutil.Process().memory_info().rss - before < 2**27


def test_parquet_reader_that_dies_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    with pytest.raises(SourceError, match=r"the listing .*a\.parquet' cannot be read"):
        list(list_entries(ShardConfig(source=str(tmp_path / "a.parquet"), dataset="y")))
