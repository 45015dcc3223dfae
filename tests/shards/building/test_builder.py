"""A whole build on real files: every file accounted for, same bytes whatever the way, nothing read twice."""

import hashlib
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from shards import BuildError, BuildProgress, Dataset, ShardConfig, SourceError, build


def config(source: Path, **changes: object) -> ShardConfig:
    return ShardConfig(source=str(source), dataset="pets", resolution=16, samples_per_shard=10, **changes)


def digests(manifest: str) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(manifest).parent.iterdir()}


def scramble(folder: Path) -> None:
    """Change what every file holds, but neither its size nor its time: who reads it now will get it wrong."""
    for path in folder.rglob("*"):
        if path.is_file():
            state = path.stat()
            path.write_bytes(bytes(state.st_size))
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_every_file_is_accounted_for(collection: Path, tmp_path: Path) -> None:
    outcome = build(config(collection), tmp_path / "root")
    assert (outcome.seen, outcome.kept, outcome.duplicates, outcome.quarantined) == (44, 40, 1, 3)
    assert outcome.reasons == {"truncated": 1, "empty_file": 1, "not_an_image": 1}
    folder = Path(outcome.manifest).parent
    quarantine = pq.read_table(folder / "quarantine.parquet").to_pylist()
    assert [row["source"] for row in quarantine] == [
        "cats & dogs/notes.txt",
        "Ünicode/cut.jpg",
        "Ünicode/empty.png",
    ]
    duplicates = pq.read_table(folder / "duplicates.parquet").to_pylist()
    assert [(row["source"], row["duplicate_of"]) for row in duplicates] == [
        ("Ünicode/zz copy.jpg", "cats & dogs/00 x.jpg")
    ]


def test_samples_table_tells_what_the_files_were(collection: Path, tmp_path: Path) -> None:
    outcome = build(config(collection), tmp_path / "root")
    rows = pq.read_table(Path(outcome.manifest).parent / "samples.parquet").to_pylist()
    assert len(rows) == 40
    by_source = {row["source"]: row for row in rows}
    jpeg = by_source["cats & dogs/04 x.jpg"]
    assert (jpeg["format"], jpeg["width"], jpeg["height"], jpeg["mode"]) == ("JPEG", 34, 40, "RGB")
    assert (jpeg["jpeg_quality"], jpeg["jpeg_subsampling"], jpeg["jpeg_progressive"]) == (75, "4:2:0", False)
    assert jpeg["source_sha256"] == hashlib.sha256((collection / "cats & dogs/04 x.jpg").read_bytes()).hexdigest()
    with (Path(outcome.manifest).parent / jpeg["shard"]).open("rb") as shard:
        shard.seek(jpeg["offset"])
        assert hashlib.sha256(shard.read(jpeg["bytes"])).hexdigest() == jpeg["sha256"]


def test_manifest_adds_up(collection: Path, tmp_path: Path) -> None:
    manifest = Dataset.open(build(config(collection), tmp_path / "root").manifest).manifest
    assert manifest.labels == ["cats & dogs", "Ünicode"]
    assert sum(manifest.num_samples_by_split.values()) == 40
    for split in ("train", "val"):
        assert sum(record.nsamples for record in manifest.shards(split)) == manifest.num_samples(split)
        assert sum(manifest.histogram(split).values()) == manifest.num_samples(split)
        assert all(record.nsamples <= 10 for record in manifest.shards(split))


def test_second_run_reads_nothing(collection: Path, tmp_path: Path) -> None:
    first = build(config(collection), tmp_path / "root")
    scramble(collection)
    second = build(config(collection), tmp_path / "root")
    assert second == first.model_copy(update={"reused": True})


@pytest.mark.parametrize("workers", [2, 3])
def test_bytes_do_not_depend_on_workers(collection: Path, tmp_path: Path, workers: int) -> None:
    one = build(config(collection, workers=1), tmp_path / "one")
    many = build(config(collection, workers=workers), tmp_path / "many")
    assert digests(one.manifest) == digests(many.manifest)


def test_bytes_do_not_depend_on_names(collection: Path, tmp_path: Path) -> None:
    one = build(config(collection), tmp_path / "one")
    for path in sorted((collection / "Ünicode").iterdir()):
        path.rename(path.with_name(f"{999 - path.stat().st_size % 900:03d} {path.name}"))
    other = build(config(collection), tmp_path / "other")
    assert one.version == other.version
    shards = {name: digest for name, digest in digests(one.manifest).items() if name.endswith(".tar")}
    assert shards == {name: digest for name, digest in digests(other.manifest).items() if name.endswith(".tar")}


def test_grown_input_reads_only_new_files(collection: Path, tmp_path: Path, make_image) -> None:
    first = build(config(collection), tmp_path / "root")
    shutil.copytree(collection, tmp_path / "intact", copy_function=shutil.copy2)
    scramble(collection)
    make_image(collection / "Ünicode" / "new.png", 1000)
    (collection / "Ünicode" / "new.txt").write_text("no picture either")
    second = build(config(collection), tmp_path / "root")
    shutil.copytree(tmp_path / "intact", collection, dirs_exist_ok=True)
    assert not second.reused
    assert (second.seen, second.kept, second.quarantined) == (46, 41, 4)
    assert Dataset.open(second.manifest).manifest.grew_from == first.version
    afresh = build(config(collection), tmp_path / "afresh")
    names = {"manifest.json"}
    assert {k: v for k, v in digests(second.manifest).items() if k not in names} == {
        k: v for k, v in digests(afresh.manifest).items() if k not in names
    }


def test_more_broken_files_renew_the_same_version(collection: Path, tmp_path: Path) -> None:
    first = build(config(collection), tmp_path / "root")
    (collection / "Ünicode" / "more.txt").write_text("no picture")
    second = build(config(collection), tmp_path / "root")
    assert (second.version, second.reused, second.quarantined) == (first.version, False, 4)
    assert Dataset.open(second.manifest).manifest.counts.quarantined == 4


def test_removed_version_is_built_again(collection: Path, tmp_path: Path) -> None:
    first = build(config(collection), tmp_path / "root")
    shutil.rmtree(Path(first.manifest).parent)
    again = build(config(collection), tmp_path / "root")
    assert not again.reused
    assert again.version == first.version


def test_altered_shard_is_not_built_upon(collection: Path, tmp_path: Path, make_image) -> None:
    first = build(config(collection), tmp_path / "root")
    shard = Path(first.manifest).parent / "train-000000.tar"
    shard.write_bytes(shard.read_bytes()[:1000] + bytes(shard.stat().st_size - 1000))
    make_image(collection / "Ünicode" / "new.png", 1000)
    with pytest.raises(BuildError, match="altered since it was written"):
        build(config(collection), tmp_path / "root")


def test_progress_is_told(collection: Path, tmp_path: Path) -> None:
    told: list[BuildProgress] = []
    build(config(collection), tmp_path / "root", report=told.append)
    assert [stage for i, stage in enumerate(p.stage for p in told) if not i or told[i - 1].stage != stage] == [
        "listing",
        "decoding",
        "writing",
    ]
    assert (told[-1].kept, told[-1].duplicates, told[-1].quarantined) == (40, 1, 3)
    assert told[-1].bytes == sum(path.stat().st_size for path in collection.rglob("[!.]*") if path.is_file())


def _empty(folder: Path) -> None:
    folder.mkdir()


def _no_image(folder: Path) -> None:
    folder.mkdir()
    (folder / "a.txt").write_text("no picture")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "does not exist"),
        (_empty, "is empty"),
        (_no_image, "has no usable image"),
    ],
)
def test_source_without_images_leaves_nothing(make, message: str, tmp_path: Path) -> None:
    make(tmp_path / "pictures")
    with pytest.raises(SourceError, match=message):
        build(config(tmp_path / "pictures", val_fraction=0), tmp_path / "root")
    assert not list((tmp_path / "root").rglob("*"))
