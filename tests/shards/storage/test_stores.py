"""Every store that a URI can name, as a source and as a home: with real servers of their own where there are some."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from shards import Dataset, ShardConfig, ShardError, SourceError, build
from shards.storage.stores import STORES, stamp_of, store_of
from shards.storage.uris import exists, filesystem_of, names_in, sizes_in, stamp
from tests.store_servers import SERVERS


def config(source: Path | str) -> ShardConfig:
    return ShardConfig(source=str(source), dataset="pets", resolution=16, samples_per_shard=10, workers=1)


@pytest.fixture(scope="module", params=SERVERS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of an empty bucket on a real server."""
    with SERVERS[request.param](tmp_path_factory.mktemp(request.param)) as uri:
        yield uri


@pytest.fixture
def folder(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty folder of the bucket, and a scratch folder of the test's own."""
    monkeypatch.setenv("SHARDGAN_SCRATCH", str(tmp_path / "scratch"))
    return f"{store}/{uuid4().hex}"


def copied(local: Path, uri: str) -> str:
    filesystem, path = filesystem_of(f"{uri}/{local.name}")
    for file in local.rglob("*"):
        if file.is_file():
            filesystem.put_file(str(file), f"{path}/{file.relative_to(local)}")
    return f"{uri}/{local.name}"


@pytest.mark.slow
def test_store_in_and_store_out(folder: str, collection: Path, tmp_path: Path) -> None:
    source = copied(collection, folder)
    local = build(config(collection), tmp_path / "root")
    far = build(config(source), f"{folder}/root")
    assert (far.version, far.kept, far.reasons) == (local.version, local.kept, local.reasons)
    assert Dataset.open("pets", f"{folder}/root").uri == far.manifest
    one, two = Dataset.open(far.manifest), Dataset.open(local.manifest)
    assert one.manifest.shardlist == two.manifest.shardlist
    assert (one.open_split("train").images == two.open_split("train").images).all()
    here, there = (next(data.windows("train", 8).batches(8, seed=1, start_nimg=16)) for data in (one, two))
    assert np.array_equal(here[0], there[0])
    assert build(config(source), f"{folder}/root").reused
    assert build(config(f"{source}/**/*.png"), f"{folder}/other").kept > 0


@pytest.mark.slow
def test_changed_file_in_a_store_is_read_again(folder: str, collection: Path) -> None:
    source = copied(collection, folder)
    first = build(config(source), f"{folder}/root")
    name = f"{source}/Ünicode/05 x.png"
    before = stamp(name)
    filesystem, path = filesystem_of(name)
    filesystem.put_file(str(collection / "Ünicode" / "01 x.png"), path)
    assert stamp(name) != before
    again = build(config(source), f"{folder}/root")
    assert (again.kept, again.duplicates) == (first.kept - 1, first.duplicates + 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tar", "gztar", "zip"])
def test_archive_in_a_store(kind: str, folder: str, collection: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "packed" / "a"), kind, collection))
    far = f"{copied(archive.parent, folder)}/{archive.name}"
    ours, theirs = (build(config(one), tmp_path / str(number)) for number, one in enumerate((archive, far)))
    assert (theirs.version, theirs.kept) == (ours.version, 40)


@pytest.mark.slow
def test_altered_shard_in_a_store_is_named(folder: str, collection: Path) -> None:
    far = build(config(copied(collection, folder)), f"{folder}/root")
    shard = far.manifest.replace("manifest.json", "train-000000.tar")
    filesystem, path = filesystem_of(shard)
    filesystem.pipe_file(path, filesystem.cat_file(path)[:-1024])
    with pytest.raises(ShardError, match=r"train-000000\.tar.*cut off or replaced"):
        Dataset.open(far.manifest).open_split("train")


@pytest.mark.slow
def test_folders_of_a_store(folder: str, collection: Path) -> None:
    source = copied(collection, folder)
    assert names_in(source) == [".hidden", "cats & dogs", "Ünicode"]
    assert sizes_in(f"{source}/Ünicode")["cut.jpg"] == 400
    assert (names_in(f"{source}/none"), sizes_in(f"{source}/none"), exists(f"{source}/none")) == ([], {}, False)
    with pytest.raises(SourceError, match="does not exist"):
        build(config(f"{source}/none"), f"{folder}/root")


@pytest.mark.parametrize(
    ("uri", "module", "extra"),
    [("gs://b/x", "gcsfs", "gcs"), ("az://b/x", "adlfs", "azure"), ("hf://datasets/a/b", "huggingface_hub", "hub")],
)
def test_missing_client_is_named_before_any_work(
    uri: str, module: str, extra: str, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a source and as a home: None in sys.modules is how Python says that a module cannot be imported."""
    monkeypatch.setitem(sys.modules, module, None)
    for source, root in ((uri, str(tmp_path / "root")), (collection, uri)):
        command = re.escape(f"pip install 'shardgan[{extra}]'")
        with pytest.raises(SourceError, match=f"needs the package {module}, which is not installed: {command}"):
            build(config(source), root)
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("root", ["hf://datasets/somebody/pets", "https://example.org/pets"])
def test_store_that_is_only_read_is_no_home(root: str, collection: Path) -> None:
    with pytest.raises(SourceError, match=r"can only be read.* s3://, gs://, az://"):
        build(config(collection), root)


def test_every_store_says_where_its_credentials_come_from() -> None:
    assert all(store_of(f"{protocol}://bucket/x").credentials for protocol in STORES)
    for source in ("https://host/a.zip?X-Amz-Signature=1", "https://host/a.csv?a=1&sig=2", "hf://x?token=3"):
        with pytest.raises(ValueError, match="contains a signature or a token"):
            config(source)


def test_stamps_by_store() -> None:
    assert stamp_of({"ETag": "a", "LastModified": 5}) == "a"
    assert [stamp_of({"blob_id": "b"}), stamp_of({"mtime": 3}), stamp_of({})] == ["b", "3", ""]
