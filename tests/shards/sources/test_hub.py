"""`hf://` as a source, with huggingface_hub itself against a stand-in for the Hub's HTTP API on this machine."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shards import Dataset, ShardConfig, SourceError, build
from shards.sources.entries import Entry
from shards.sources.opening import read
from shards.sources.source import list_entries
from tests.hub_server import TOKEN, Hub, StoredRepository, serve_hub
from tests.shards.conftest import MakeImage

REPO, URI = "somebody/pets", "hf://datasets/somebody/pets"
RESOLVE = "{repo_id}/resolve/{revision}/{filename}"
CLASSES = ["cat", "dog"]
CONFIGS = """---
license: mit
configs:
- config_name: small
  data_files:
  - split: train
    path: small/part-*
- config_name: large
  data_files:
  - {split: train, path: [large/a.parquet]}
  - {split: hidden, path: large/b.parquet}
---
Text.
"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    constants = pytest.importorskip("huggingface_hub.constants")
    with serve_hub() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{served.url}/{RESOLVE}")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield served


def table(images: list[bytes], labels: list[int], column: str = "label") -> bytes:
    """A parquet file as the package `datasets` writes it."""
    features = {"image": {"_type": "Image"}, column: {"names": CLASSES, "_type": "ClassLabel"}}
    about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    rows = {"image": [{"bytes": one, "path": None} for one in images], column: labels}
    file = io.BytesIO()
    pq.write_table(pa.table(rows).replace_schema_metadata(about), file)
    return file.getvalue()


@pytest.fixture
def pictures(make_image: MakeImage, tmp_path: Path) -> list[bytes]:
    return [make_image(tmp_path / "made" / f"{number}.png", number).read_bytes() for number in range(6)]


def stored(hub: Hub, files: dict[str, bytes], private: bool = False) -> None:
    hub.repositories[REPO] = StoredRepository(private)
    hub.repositories[REPO].add(files)


def listed(source: str = URI, **changes: object) -> list[Entry]:
    return list(list_entries(ShardConfig(source=source, dataset="pets", resolution=16, **changes)))


def test_split_with_its_columns_and_class_names(hub: Hub, pictures: list[bytes]) -> None:
    """The names of the classes come from the table, also where its column has another name than ours."""
    files = {"data/train-00000-of-00002.parquet": table(pictures[:2], [0, 1], "fine_label")}
    files["data/train-00001-of-00002.parquet"] = table(pictures[2:4], [1, -1], "fine_label")
    files["data/validation-00000-of-00001.parquet"] = b"not read"
    stored(hub, files)
    entries = listed()
    assert [entry.label for entry in entries] == ["cat", "dog", "dog", None]
    assert [read(entry.place, 2**20) for entry in entries] == pictures[:4]
    assert entries[0].source == "data/train-00000-of-00002.parquet/000000/00000000"
    with pytest.raises(SourceError, match=r"has no split 'test'. Choose one with hub_split: 'train', 'validation'"):
        listed(hub_split="test")


@pytest.mark.slow
def test_configurations_are_those_of_the_readme(hub: Hub, pictures: list[bytes]) -> None:
    files = {"README.md": CONFIGS.encode(), "small/part-1.parquet": table(pictures[:1], [0])}
    files |= {f"large/{name}.parquet": table(pictures[3:5], [1, 1]) for name in "ab"}
    stored(hub, files)
    with pytest.raises(SourceError, match=r"several configurations: 'small', 'large'.*hub_split=small:train"):
        listed()
    assert [entry.label for entry in listed(hub_split="small:train")] == ["cat"]
    assert {entry.source.split("/")[1] for entry in listed(hub_split="large:hidden")} == {"b.parquet"}


def test_private_dataset_needs_a_token(
    hub: Hub, pictures: list[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stored(hub, {"cat/1.png": pictures[0], "dog/2.png": pictures[1]}, private=True)
    with pytest.raises(SourceError, match="does not exist"):
        listed()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    entries = listed(f"{URI}@main")
    assert [(entry.source, entry.label) for entry in entries] == [("cat/1.png", "cat"), ("dog/2.png", "dog")]
    assert [read(entry.place, 2**20) for entry in entries] == pictures[:2]


@pytest.mark.slow
def test_build_from_the_hub(hub: Hub, pictures: list[bytes], tmp_path: Path) -> None:
    stored(hub, {"data/train-0.parquet": table(pictures, [0, 1, 0, 1, 0, 1])})
    config = ShardConfig(source=URI, dataset="pets", resolution=16, workers=1)
    first = build(config, tmp_path / "root")
    assert (first.kept, Dataset.open(first.manifest).labels) == (6, CLASSES)
    assert build(config, tmp_path / "root").reused
    hub.repositories[REPO].add({"data/train-0.parquet": table(pictures[:4], [0, 1, 0, 1])})
    assert build(config, tmp_path / "root").kept == 4
