"""Every kind of source gives the same dataset as the folder it was made from."""

import csv
import gzip
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shards import BuildOutcome, Dataset, ShardConfig, SourceError, build
from shards.sources.archives import list_archive
from shards.sources.source import list_entries


def built(source: Path | str, root: Path, **changes: object) -> BuildOutcome:
    return build(ShardConfig(source=str(source), dataset="pets", resolution=16, **changes), root)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("[!.]*") if path.is_file())


def as_zip(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files_of(folder):
            archive.write(path, path.relative_to(folder))
    return target / "a.zip"


def as_tar(folder: Path, target: Path) -> Path:
    with tarfile.open(target / "a.tar", "w") as archive:
        archive.add(folder, "collection")  # below one more folder, as most archives are
    return target / "a.tar"


def as_tar_gz(folder: Path, target: Path) -> Path:
    plain = as_tar(folder, target)
    (target / "a.tgz").write_bytes(gzip.compress(plain.read_bytes()))
    return target / "a.tgz"


def as_glob(folder: Path, target: Path) -> str:
    return f"{folder}/**/*.*"


def as_glob_of_archives(folder: Path, target: Path) -> str:
    as_zip(folder, target)
    return f"{target}/*.zip"


def as_glob_of_tars(folder: Path, target: Path) -> str:
    as_tar(folder, target)
    return f"{target}/*.tar"


def as_csv(folder: Path, target: Path) -> Path:
    with (target / "a.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "path"])
        writer.writerows((path.parent.name, os.path.relpath(path, target)) for path in files_of(folder))
    return target / "a.csv"


def as_jsonl(folder: Path, target: Path) -> Path:
    rows = ({"path": str(path), "label": path.parent.name} for path in files_of(folder))
    (target / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return target / "a.jsonl"


def as_parquet(folder: Path, target: Path) -> Path:
    files = files_of(folder)
    table = pa.table({"path": [str(path) for path in files], "label": [path.parent.name for path in files]})
    pq.write_table(table, target / "a.parquet")
    return target / "a.parquet"


KINDS = [as_zip, as_tar, as_tar_gz, as_glob, as_glob_of_archives, as_glob_of_tars, as_csv, as_jsonl, as_parquet]


@pytest.mark.parametrize("kind", KINDS)
def test_same_shards_from_every_kind(kind: Callable[..., Path], collection: Path, tmp_path: Path) -> None:
    folder = built(collection, tmp_path / "root")
    (tmp_path / "packed").mkdir()
    other = built(kind(collection, tmp_path / "packed"), tmp_path / "other")
    if kind is as_glob_of_archives:
        assert other.seen == folder.seen
        return
    assert (other.version, other.kept, other.reasons) == (folder.version, folder.kept, folder.reasons)
    assert Dataset.open(other.manifest).manifest.shardlist == Dataset.open(folder.manifest).manifest.shardlist


@pytest.mark.parametrize("wrapped", [False, True], ids=["bytes", "struct"])
def test_parquet_that_holds_the_files(wrapped: bool, collection: Path, tmp_path: Path) -> None:
    files = files_of(collection)
    data: list[object] = [path.read_bytes() for path in files]
    table = pa.table(
        {
            "image": [{"bytes": one, "path": None} for one in data] if wrapped else data,
            "label": [path.parent.name for path in files],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=7)
    outcome = built(tmp_path / "a.parquet", tmp_path / "other", bytes_column="image")
    assert outcome.version == built(collection, tmp_path / "root", bytes_column="image").version


def test_shards_are_a_source(collection: Path, tmp_path: Path) -> None:
    first = built(collection, tmp_path / "root", encoding="png")
    again = built(first.manifest, tmp_path / "again", encoding="original", shape="as_is")
    assert (again.kept, again.quarantined) == (first.kept, 0)
    one, two = Dataset.open(first.manifest).manifest, Dataset.open(again.manifest).manifest
    assert one.labels == two.labels
    total = {name: one.histogram("train")[name] + one.histogram("val").get(name, 0) for name in one.labels}
    assert total == {name: two.histogram("train")[name] + two.histogram("val").get(name, 0) for name in two.labels}


def test_foreign_webdataset_brings_its_classes(collection: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "wds.tar", "w") as tar:
        for number, path in enumerate(files_of(collection)[:20]):
            key = f"sample{number:03d}"
            parts = {"jpg": path.read_bytes(), "cls": str(10 * (number % 3)).encode(), "json": b"{}"}
            for suffix, data in parts.items():
                info = tarfile.TarInfo(f"{key}.{suffix}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    outcome = built(tmp_path / "wds.tar", tmp_path / "root")
    assert outcome.seen == 20
    assert Dataset.open(outcome.manifest).labels == ["0", "10", "20"]


def test_dataset_json_names_the_classes(collection: Path, tmp_path: Path) -> None:
    names = [str(path.relative_to(collection)) for path in files_of(collection)]
    pairs = [[name, number % 3] for number, name in enumerate(names)]
    (collection / "dataset.json").write_text(json.dumps({"labels": pairs}))
    assert Dataset.open(built(collection, tmp_path / "root").manifest).labels == ["0", "1", "2"]


def test_archive_gets_more_files_and_only_these_are_read(collection: Path, tmp_path: Path) -> None:
    packed = as_zip(collection, tmp_path)
    first = built(packed, tmp_path / "root")
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("Ünicode/new.txt", b"no image")
    second = built(packed, tmp_path / "root")
    assert (second.reused, second.seen, second.version) == (False, first.seen + 1, first.version)


def test_links_are_followed_once(collection: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (collection / "cats & dogs" / "00 x.jpg").rename(outside / "far.jpg")
    (collection / "Ünicode" / "link").symlink_to(outside)
    (collection / "Ünicode" / "loop").symlink_to(collection / "Ünicode")
    (collection / "Ünicode" / "nowhere").symlink_to(tmp_path / "missing")
    (collection / "Ünicode" / "itself").symlink_to("itself")
    (collection / "Ünicode" / "endless.png").symlink_to("/dev/zero")
    os.mkfifo(collection / "Ünicode" / "pipe.png")
    assert built(collection, tmp_path / "root").seen == 44


@pytest.mark.parametrize("name", ["dataset.json", "manifest.json"])
def test_a_pipe_among_the_files_is_not_waited_for(name: str, collection: Path, tmp_path: Path) -> None:
    """An unpacked archive can hold pipes; opening one waits until somebody writes into it."""
    os.mkfifo(collection / name)
    with pytest.raises(SourceError, match="is not a file, but a pipe"):
        built(collection, tmp_path / "root")
    with pytest.raises(SourceError, match="is not a file, but a pipe"):
        built(collection / name, tmp_path / "root")


def test_links_and_odd_names_in_archives_open_nothing(make_image, tmp_path: Path) -> None:
    """Links, devices and pipes of a tar are left out; names are text, whatever they look like."""
    picture = make_image(tmp_path / "0.png", 0).read_bytes()
    secret = make_image(tmp_path / "secret.png", 1)
    with tarfile.open(tmp_path / "links.tar", "w") as archive:
        for kind, target in ((tarfile.SYMTYPE, str(secret)), (tarfile.LNKTYPE, str(secret)), (tarfile.FIFOTYPE, "")):
            info = tarfile.TarInfo(f"{kind!r}.png")
            info.type, info.linkname = kind, target
            archive.addfile(info)
        for name in (
            "/etc/passwd.png",
            "../../up.png",
            "\x1b[2Jbell\x07.png",
            "line\nbreak.png",
            "d/" * 5000 + "deep.png",
        ):
            info = tarfile.TarInfo(name)
            info.size = len(picture)
            archive.addfile(info, io.BytesIO(picture))
    entries = list(list_entries(ShardConfig(source=str(tmp_path / "links.tar"), dataset="d", resolution=16)))
    assert len(entries) == 5
    assert {entry.source for entry in entries} >= {"etc/passwd.png", "up.png"}
    assert all([*entry.place[:2]] == ["range", str(tmp_path / "links.tar")] for entry in entries)


def test_dots_in_the_names_of_folders_part_no_samples(make_image, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for number in range(2):
            archive.add(make_image(tmp_path / f"{number}.png", number), f"imgs.v1/{number:04d}.png")
            (tmp_path / f"{number}.cls").write_text(str(number))
            archive.add(tmp_path / f"{number}.cls", f"imgs.v1/{number:04d}.cls")
    entries = list_archive(str(tmp_path / "a.tar"), "tar", "", by_folder=True)
    assert [(entry.source, entry.label) for entry in entries] == [("imgs.v1/0000.png", "0"), ("imgs.v1/0001.png", "1")]


def test_damaged_archive_is_refused_before_anything_is_written(collection: Path, tmp_path: Path) -> None:
    packed = as_zip(collection, tmp_path)
    packed.write_bytes(packed.read_bytes()[:5000])
    with pytest.raises(SourceError, match=r"a.zip' cannot be listed"):
        built(packed, tmp_path / "root")
    assert not (tmp_path / "root").exists() or not list((tmp_path / "root").rglob("*"))


def test_member_that_was_tampered_with_is_quarantined(collection: Path, tmp_path: Path) -> None:
    packed = as_zip(collection, tmp_path)
    with zipfile.ZipFile(packed) as archive:
        member = max(archive.infolist(), key=lambda info: info.compress_size)
    data = bytearray(packed.read_bytes())
    data[member.header_offset + 100] ^= 0xFF
    packed.write_bytes(data)
    outcome = built(packed, tmp_path / "root")
    assert outcome.seen == 44
    assert outcome.quarantined == 4


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.bin", b"what is this", "is of an unknown kind"),
        ("a.csv", b"file,label\nx.jpg,1\n", "no column 'path'; it has file, label"),
        ("a.jsonl", b"{not json\n", "cannot be read"),
        ("dataset.json", b"[]", "is of an unknown kind"),
    ],
)
def test_odd_file_is_refused_with_a_sentence(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=message):
        built(tmp_path / name, tmp_path / "root")


def test_listed_file_that_is_missing_is_quarantined(collection: Path, tmp_path: Path) -> None:
    listing = as_csv(collection, tmp_path)
    listing.write_text(listing.read_text() + "Ünicode,gone.jpg\n")
    outcome = built(listing, tmp_path / "root")
    assert outcome.reasons["unreadable"] == 1
    (collection / "Ünicode" / "05 x.png").rename(tmp_path / "gone.jpg")
    assert built(listing, tmp_path / "root").reasons["unreadable"] == 1
