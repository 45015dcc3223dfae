"""Datasets are found by name, and errors are explained in a sentence."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from shards import Dataset, DatasetError, Manifest, ShardConfig, SplitError, build
from shards.building.contact_sheet import CONTACT_SHEET
from tests.shards.conftest import BuildOnce


@pytest.fixture
def root(build_once: BuildOnce, tmp_path: Path) -> Path:
    return build_once(tmp_path / "root", {"resolution": 8}, {"resolution": 16})


def versions(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.glob("datasets/pets/*/manifest.json"))


def test_name_means_the_version_built_last(root: Path, same_collection: Path) -> None:
    assert Dataset.open("pets", root).manifest.resolution == 16
    build(ShardConfig(source=str(same_collection), dataset="pets", resolution=8), root)
    assert Dataset.open("pets", root).manifest.resolution == 8


def test_version_may_be_shortened(root: Path) -> None:
    for version in versions(root):
        manifest = Dataset.open(f"pets@{version[:8]}", root).uri
        assert Dataset.open(manifest).manifest.version == version
        assert Dataset.open(manifest, root).uri == Dataset.open(str(Path(manifest).parent), root).uri == manifest


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("cats", r"no dataset 'cats' .* The datasets are pets\."),
        ("pets@zzz", r"matches no version of 'pets'\. The versions are [0-9a-f]{16}, [0-9a-f]{16}"),
        ("pets@/elsewhere", "matches no version"),
    ],
)
def test_unknown_reference_lists_what_there_is(root: Path, ref: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        Dataset.open(ref, root)


def test_empty_root_says_to_build(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"There are no datasets yet\. Build one first"):
        Dataset.open("pets", tmp_path)


def test_unfinished_version_is_not_found(root: Path) -> None:
    manifest = Path(Dataset.open("pets", root).uri)
    manifest.unlink()
    with pytest.raises(DatasetError, match=r"version of the dataset 'pets' is not known\. Name one of them: pets@"):
        Dataset.open("pets", root)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"dataset": "x"}', '{"wids_version": 2}'])
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DatasetError, match="not a manifest of a dataset version"):
        Dataset.open(tmp_path / "manifest.json")


def test_manifest_is_an_index_for_wids(root: Path) -> None:
    content = json.loads(Path(Dataset.open("pets", root).uri).read_text())
    assert content["wids_version"] == 1
    assert all({"url", "nsamples"} <= record.keys() for record in content["shardlist"])


def test_wids_reads_every_sample_by_its_number(root: Path, tmp_path: Path) -> None:
    wids = pytest.importorskip("wids", reason="the package wids is not installed")
    uri = Dataset.open("pets", root).uri
    manifest = Dataset.open(uri).manifest
    ours = [sample for split in ("train", "val") for sample in Dataset.open(uri).stream(split)]
    dataset = wids.ShardListDataset(uri, cache_dir=str(tmp_path / "cache"), transformations=[])
    theirs = [dataset[number] for number in range(len(dataset))]
    assert len(theirs) == sum(manifest.num_samples_by_split.values()) == 40
    assert [one["__key__"] for one in theirs] == [one.key for one in ours]
    assert [int(one[".cls"].read()) for one in theirs] == [one.label for one in ours]
    assert [one[".jpg"].read() for one in theirs] == [one.encoded for one in ours]


def test_contact_sheet_lies_beside_the_manifest(root: Path) -> None:
    with Image.open(Path(Dataset.open("pets", root).uri).with_name(CONTACT_SHEET)) as sheet:
        assert sheet.width > 1000


def test_unknown_split_has_no_samples(root: Path) -> None:
    manifest = Dataset.open("pets", root).manifest
    for ask in (manifest.num_samples, manifest.histogram, manifest.shards):
        with pytest.raises(SplitError, match="no split 'test'"):
            ask("test")


def image(seed: int) -> bytes:
    import io

    buffer = io.BytesIO()
    Image.new("RGB", (10, 10), (seed, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


FILES = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.text("xyzé _-.'\"%\n", min_size=1, max_size=8).filter(lambda n: n[0] != ".")),
    st.one_of(st.integers(0, 12).map(image), st.binary(max_size=20)),
    min_size=1,
    max_size=24,
)


@given(files=FILES, per_shard=st.integers(1, 5), fraction=st.sampled_from([0.0, 0.3, 0.9]))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_files_with_unusual_names_and_bytes_are_all_counted(
    files: dict[tuple[str, str], bytes], per_shard: int, fraction: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from shards import SourceError

    folder = tmp_path_factory.mktemp("any")
    for (label, name), data in files.items():
        (folder / "source" / label).mkdir(parents=True, exist_ok=True)
        (folder / "source" / label / name).write_bytes(data)
    config = ShardConfig(
        source=str(folder / "source"),
        dataset="any",
        resolution=8,
        samples_per_shard=per_shard,
        val_fraction=fraction,
        labels="none",
        workers=1,
    )
    try:
        manifest: Manifest = Dataset.open(build(config, folder / "root").manifest).manifest
    except SourceError:
        assert not list((folder / "root").rglob("*"))
        return
    counts = manifest.counts
    assert counts.seen == len(files) == counts.kept + counts.duplicates + counts.quarantined
    assert counts.kept == len({data for data in files.values() if data.startswith(b"\x89PNG")})
    assert sum(counts.reasons.values()) == counts.quarantined
    assert sum(record.nsamples for record in manifest.shardlist) == sum(manifest.num_samples_by_split.values())
    assert all(record.nsamples <= per_shard for record in manifest.shardlist)
