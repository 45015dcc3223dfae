"""`Dataset`: what an opened version says about itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from shards import Dataset, ShardConfig, SplitError, build, load_manifest, load_split


@pytest.fixture
def dataset(collection: Path, tmp_path: Path) -> Dataset:
    config = ShardConfig(source=str(collection), dataset="pets", resolution=16, val_fraction=0.3, workers=1)
    return Dataset.open(build(config, tmp_path / "root").manifest)


def test_a_dataset_is_opened_by_name_version_and_uri(dataset: Dataset, tmp_path: Path) -> None:
    root = tmp_path / "root"
    version = dataset.manifest.version
    for reference in ("pets", f"pets@{version}", f"pets@{version[:6]}", dataset.uri, str(Path(dataset.uri).parent)):
        assert Dataset.open(reference, root) == dataset
    assert dataset.name == f"pets@{version}"


def test_facts_tell_name_numbers_size_and_source(dataset: Dataset, collection: Path) -> None:
    facts = dict(dataset.facts())
    train, val = dataset.num_samples("train"), dataset.num_samples("val")
    assert list(facts) == ["Dataset", "Images", "Classes", "Resolution", "Shards", "Source"]
    assert facts["Dataset"] == dataset.name
    assert facts["Images"] == f"{train + val} ({train} train, {val} val)"
    assert facts["Classes"] == str(len(dataset.labels))
    assert facts["Resolution"] == "16 pixels, colour"
    assert facts["Source"] == str(collection)


def test_shards_and_tables_lie_beside_the_manifest(dataset: Dataset) -> None:
    assert all(Path(dataset.shard_uri(record)).is_file() for record in dataset.manifest.shardlist)
    assert dataset.samples_table(["key"]).num_rows == sum(map(dataset.num_samples, dataset.splits))
    assert sum(dataset.class_counts("train")) == dataset.num_samples("train")
    assert list(dataset.find_damage()) == []
    with pytest.raises(SplitError, match="no split 'test'"):
        dataset.num_samples("test")


def test_functions_of_earlier_releases_still_work(dataset: Dataset) -> None:
    assert load_manifest(dataset.uri) == dataset.manifest
    assert load_split(dataset.uri, "val").keys == dataset.open_split("val").keys


def test_a_dataset_is_opened_without_loading_pyarrow_and_a_decoder_without_pydantic() -> None:
    for module, heavy in (("shards.dataset.dataset", "pyarrow"), ("shards.decoding.decoder", "pydantic")):
        subprocess.run([sys.executable, "-c", f"import {module}, sys; assert {heavy!r} not in sys.modules"], check=True)
