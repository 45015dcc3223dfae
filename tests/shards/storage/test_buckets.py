"""With a real S3 server: images are read from a bucket, versions are written to one, and an outage loses nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shards import BuildError, Dataset, DatasetError, PartitionSpec, ShardConfig, ShardError, build, process_partition
from shards.storage.downloads import copy_from_s3
from shards.storage.uris import fetch, filesystem_of, store


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHARDGAN_SCRATCH", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


def copied(folder: Path, uri: str) -> str:
    import s3fs

    target = f"{uri}/{folder.name}"
    s3fs.S3FileSystem().put(f"{folder}/", f"{target}/", recursive=True)
    return target


def config(source: Path | str) -> ShardConfig:
    return ShardConfig(source=str(source), dataset="pets", resolution=16, samples_per_shard=10)


def test_bucket_in_and_bucket_out(bucket: str, scratch: Path, collection: Path, tmp_path: Path) -> None:
    source, root = copied(collection, f"{bucket}/one"), f"{bucket}/one-root"
    local = build(config(collection), tmp_path / "root")
    far = build(config(source), root)
    assert (far.version, far.kept, far.reasons) == (local.version, local.kept, local.reasons)
    assert far.manifest == f"{root}/datasets/pets/{far.version}/manifest.json"
    assert Dataset.open(far.manifest).manifest.shardlist == Dataset.open(local.manifest).manifest.shardlist
    assert Dataset.open("pets", root).uri == Dataset.open(f"pets@{far.version[:6]}", root).uri == far.manifest
    one, two = Dataset.open(far.manifest).open_split("train"), Dataset.open(local.manifest).open_split("train")
    assert (one.images == two.images).all()
    assert build(config(source), root).reused


def test_copies_from_s3_need_no_s3fs(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(bytes(range(256)) * 10_000)
    store(tmp_path / "here", f"{bucket}/copies/there")
    filesystem, path = filesystem_of(f"{bucket}/copies/there")
    assert copy_from_s3(filesystem, path, tmp_path / "fast")
    fetch(f"{bucket}/copies/there", tmp_path / "back")
    assert (tmp_path / "fast").read_bytes() == (tmp_path / "back").read_bytes() == (tmp_path / "here").read_bytes()
    with pytest.raises(FileNotFoundError):
        fetch(f"{bucket}/copies/nothing", tmp_path / "nothing")
    # Settings that only fsspec knows, and other stores.
    for uri, options in ((f"{bucket}/copies/there", {"anon": True}), ("memory://x", {})):
        other, path = filesystem_of(uri, **options)
        assert not copy_from_s3(other, path, tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("kind", ["tar", "gztar", "zip"])
def test_an_archive_in_a_bucket_gives_what_it_gives_on_disk(
    kind: str, bucket: str, scratch: Path, make_image, tmp_path: Path
) -> None:
    import s3fs

    for number in range(40):
        make_image(tmp_path / "many" / f"{number:03d}.png", number)
    archive = Path(shutil.make_archive(str(tmp_path / "many"), kind, tmp_path / "many"))
    far = f"{bucket}/archives/{archive.name}"
    s3fs.S3FileSystem().put_file(str(archive), far)
    ours, theirs = (build(config(one), tmp_path / str(number)) for number, one in enumerate((archive, far)))
    assert (theirs.version, theirs.kept, theirs.quarantined) == (ours.version, 40, 0)


def test_lost_scratch_and_grown_bucket(
    bucket: str, scratch: Path, collection: Path, make_image, tmp_path: Path
) -> None:
    source, root = copied(collection, f"{bucket}/two"), f"{bucket}/two-root"
    first = build(config(source), root)
    copied(make_image(tmp_path / "Ünicode" / "new.png", 77).parent, source)
    grown = build(config(source), root)
    assert (grown.kept, grown.reused) == (first.kept + 1, False)
    assert Dataset.open(grown.manifest).manifest.grew_from == first.version
    shutil.rmtree(scratch)
    again = build(config(source), root)
    assert (again.version, again.reused) == (grown.version, False)


def test_partitions_may_run_elsewhere(bucket: str, scratch: Path, collection: Path, tmp_path: Path) -> None:
    source, root = copied(collection, f"{bucket}/three"), f"{bucket}/three-root"
    specs: list[PartitionSpec] = []

    def elsewhere(given: Iterator[PartitionSpec]) -> Iterator[str]:
        for spec in given:
            specs.append(spec)
            yield process_partition(spec)

    far = build(config(source), root, run_partitions=elsewhere)
    assert all(spec.folder.startswith(root) for spec in specs)
    assert len(specs) == 2
    assert far.version == build(config(collection), tmp_path / "root").version


def test_altered_shard_in_a_bucket_is_named(bucket: str, scratch: Path, collection: Path) -> None:
    import s3fs

    far = build(config(copied(collection, f"{bucket}/four")), f"{bucket}/four-root")
    shard = far.manifest.replace("manifest.json", "train-000000.tar")
    files = s3fs.S3FileSystem()
    files.pipe_file(shard, files.cat_file(shard)[:-1024])
    with pytest.raises(ShardError, match=r"train-000000\.tar.*cut off or replaced"):
        Dataset.open(far.manifest).open_split("train")


def test_an_unavailable_bucket_refuses_no_image(
    bucket: str, scratch: Path, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = tmp_path / "listing.csv"
    names = [path.relative_to(collection) for path in sorted(collection.rglob("*.*")) if path.is_file()]
    source = copied(collection, f"{bucket}/five")
    listing.write_text(
        "path,label\n" + "".join(f"{source}/{name},{name.parent}\n" for name in names if name.parent.name)
    )
    endpoint = "http://127.0.0.1:1"
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_MAX_ATTEMPTS", "2")  # four retries by default, which take ten seconds
        with pytest.raises(BuildError, match="cannot be read"):
            build(config(listing), tmp_path / "root")
    assert build(config(listing), tmp_path / "root").kept == 40


def test_an_unknown_dataset_in_a_bucket_lists_the_known_ones(bucket: str) -> None:
    with pytest.raises(DatasetError, match="no dataset 'none'"):
        Dataset.open("none", f"{bucket}/one-root")
