"""Headers are read from every kind of source, and are those that a build records."""

import os
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shards import ShardConfig, build, list_entries, read_heads
from tests.shards.conftest import save_picture

QUALITIES = {"a.jpg": 15, "b.jpg": 90}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, quality in QUALITIES.items():
        # Metadata in front of the tables: longer than what is read first.
        save_picture(
            tmp_path / "src" / name, quality=quality, size=(64, 64), comment=b"x" * 65_000, icc_profile=b"y" * 90_000
        )
    save_picture(tmp_path / "src" / "c.webp", quality=50, size=(64, 64))
    return tmp_path / "src"


def as_zip(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for number, one in enumerate(sorted(folder.iterdir())):
            archive.write(one, one.name, zipfile.ZIP_DEFLATED if number else zipfile.ZIP_STORED)
    return path


def as_tar(folder: Path, mode: str = "w", suffix: str = ".tar") -> Path:
    path = folder.with_suffix(suffix)
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        archive.add(folder, "x")
    return path


def as_tgz(folder: Path) -> Path:
    return as_tar(folder, "w:gz", ".tgz")


def as_parquet(folder: Path) -> Path:
    path = folder.with_suffix(".parquet")
    files = sorted(folder.iterdir())
    pq.write_table(pa.table({"path": [one.name for one in files], "image": [one.read_bytes() for one in files]}), path)
    return path


def as_csv(folder: Path) -> Path:
    path = folder.with_suffix(".csv")
    path.write_text("path\n" + "".join(f"src/{one.name}\n" for one in sorted(folder.iterdir())))
    return path


def as_version(folder: Path) -> Path:
    config = ShardConfig(source=str(folder), dataset="d", encoding="original", resolution=64)
    return Path(build(config, folder.with_name("home")).manifest)


@pytest.mark.parametrize("pack", [lambda path: path, as_zip, as_tar, as_tgz, as_parquet, as_csv, as_version])
def test_headers_are_read_from_every_kind_of_source(pack, folder: Path) -> None:  # type: ignore[no-untyped-def]
    source = pack(folder)
    columns = {"bytes_column": "image"} if source.suffix == ".parquet" else {}
    config = ShardConfig(source=str(source), dataset="d", resolution=64, **columns)
    heads = list(read_heads(list_entries(config), config))
    assert not [head.facts for head in heads if "reason" in head.facts]
    assert sorted(head.facts["jpeg_quality"] for head in heads if head.facts["format"] == "JPEG") == [15, 90]
    assert all(head.is_unmoved for head in heads if head.facts["format"] == "JPEG")
    (webp,) = [head.facts for head in heads if head.facts["format"] == "WEBP"]
    assert webp["lossy"]
    assert 35 <= webp["webp_quality"] <= 65


def test_a_pipe_among_the_files_does_not_stop_the_reader(folder: Path) -> None:
    config = ShardConfig(source=str(folder), dataset="d", resolution=32)
    entries = list(list_entries(config))
    (folder / "a.jpg").unlink()
    os.mkfifo(folder / "a.jpg")
    heads = {head.entry.source: head for head in read_heads(entries, config)}
    assert heads["a.jpg"].facts["reason"] == "unreadable"
    assert not heads["b.jpg"].is_unmoved
    assert heads["b.jpg"].scale == 2
