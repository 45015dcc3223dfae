"""Whatever a collection holds: all of it is accounted for, the records agree, and growing equals starting anew."""

import io
import json
import tarfile
import tempfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from shards import Dataset, Manifest, ShardConfig, SourceError, build

File = tuple[str, str, int]  # class, kind, seed: few seeds, so that duplicates are many
KINDS = ["jpg", "png", "gif", "webp", "cut", "empty", "text"]
FILES = st.lists(
    st.tuples(st.sampled_from(["a", "b b", "ü"]), st.sampled_from(KINDS), st.integers(0, 5)), min_size=1, max_size=24
)
SETTINGS = st.fixed_dictionaries(
    {
        "encoding": st.sampled_from(["jpeg:90", "png", "webp:lossless", "original"]),
        "duplicates": st.sampled_from(["bytes", "pixels"]),
        "val_fraction": st.sampled_from([0.0, 0.3]),
        "samples_per_shard": st.integers(1, 9),
        "labels": st.sampled_from(["none", "folders"]),
        "workers": st.integers(1, 2),
    }
)


def content(kind: str, seed: int) -> bytes:
    """The bytes of one file; the same seed gives the same picture, and the same kind and seed the same file."""
    if kind in ("empty", "text"):
        return b"" if kind == "empty" else f"not a picture {seed}".encode()
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (20 + seed, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG" if kind == "cut" else kind.replace("jpg", "jpeg"))
    return buffer.getvalue()[:90] if kind == "cut" else buffer.getvalue()


def write(folder: Path, files: list[File], first: int = 0) -> None:
    for number, (label, kind, seed) in enumerate(files, first):
        path = folder / label / f"{number:02d}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(kind, seed))


def built(folder: Path, root: Path, changes: dict[str, object]) -> str | None:
    """The manifest's path, or None where the collection is refused: then all is as it was before."""
    before = sorted(root.rglob("*.tar")) + sorted(root.rglob("*.json"))
    try:
        return build(ShardConfig(source=str(folder), dataset="x", resolution=8, **changes), root).manifest
    except SourceError:
        assert before == sorted(root.rglob("*.tar")) + sorted(root.rglob("*.json"))
        assert before or not list(root.rglob("*"))
        return None


def rows_of(folder: Path, table: str) -> list[dict[str, object]]:
    return pq.read_table(folder / f"{table}.parquet").to_pylist()


def check_everything_is_accounted_for(source: Path, folder: Path, manifest: Manifest) -> None:
    listed = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    kept, dropped, refused = (rows_of(folder, name) for name in ("samples", "duplicates", "quarantine"))
    assert sorted(row["source"] for row in kept + dropped + refused) == sorted(listed)
    counts = manifest.counts
    assert (counts.kept, counts.duplicates, counts.quarantined) == (len(kept), len(dropped), len(refused))
    assert counts.seen == len(listed)
    assert sum(counts.reasons.values()) == counts.quarantined
    assert {row["duplicate_of"] for row in dropped} <= {row["source"] for row in kept}


def check_shards_hold_what_is_said(folder: Path, manifest: Manifest) -> None:
    tables = {row["key"]: row for row in rows_of(folder, "samples")}
    found = {}
    for record in manifest.shardlist:
        data = (folder / record.url).read_bytes()
        assert (record.bytes, record.sha256) == (len(data), sha256(data).hexdigest())
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            images = [member for member in tar if not member.name.endswith(".cls")]
            assert len(images) == record.nsamples
            for member in images:
                key = member.name.partition(".")[0]
                found[key] = sha256(tar.extractfile(member).read()).hexdigest()
                assert (tables[key]["shard"], tables[key]["offset"]) == (record.url, member.offset_data)
                assert tables[key]["split"] == record.split
    assert found == {key: row["sha256"] for key, row in tables.items()}


def check_wids_reads_the_index(path: Path, manifest: Manifest) -> None:
    index = json.loads(path.read_text())
    assert index["wids_version"] == 1
    assert sum(shard["nsamples"] for shard in index["shardlist"]) == sum(manifest.num_samples_by_split.values())


@given(FILES, SETTINGS)
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_records_agree_whatever_the_collection_holds(files: list[File], changes: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        source, root = Path(temporary, "source"), Path(temporary, "root")
        write(source, files)
        if (path := built(source, root, changes)) is None:
            return
        manifest = Dataset.open(path).manifest
        check_everything_is_accounted_for(source, Path(path).parent, manifest)
        check_shards_hold_what_is_said(Path(path).parent, manifest)
        check_wids_reads_the_index(Path(path), manifest)
        if changes["encoding"] != "original":
            assert len(Dataset.open(path).open_split("train")) == manifest.num_samples("train")


@given(FILES, FILES, SETTINGS)
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_growing_gives_what_starting_anew_gives(old: list[File], new: list[File], changes: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        source, grown, anew = (Path(temporary, name) for name in ("source", "grown", "anew"))
        write(source, old)
        built(source, grown, changes)
        write(source, new, first=len(old))
        one, other = built(source, grown, changes), built(source, anew, changes)
        assert (one is None) == (other is None)
        if one is None or other is None:
            return
        names = {path.name for path in Path(other).parent.iterdir()}
        assert names == {path.name for path in Path(one).parent.iterdir()}
        for name in names - {"manifest.json"}:
            assert (Path(one).parent / name).read_bytes() == (Path(other).parent / name).read_bytes(), name
        assert Dataset.open(one).manifest.model_copy(update={"grew_from": None}) == Dataset.open(other).manifest
