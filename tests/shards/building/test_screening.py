"""A build keeps out what a table of verdicts says, counts it, and takes it in again when a person overrules."""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shards import ShardConfig, SourceError, build
from shards.building.screening import VERDICTS, read_verdicts

NAMES = {"cats & dogs/00 x.jpg": "forged", "Ünicode/01 x.png": "flood", "cats & dogs/02 x.gif": "pass"}


def write(path: Path, collection: Path, **changes: Any) -> Path:
    rows = [
        {
            "source": name,
            "source_sha256": hashlib.sha256((collection / name).read_bytes()).hexdigest(),
            "verdict": verdict,
            "allowed": False,
            "p_real": 0.01,
            "p_generated": 0.01,
            "p_forged": 0.98,
            "num_lookalikes": 0,
            **changes,
        }
        for name, verdict in NAMES.items()
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=VERDICTS), path)
    return path


def config(collection: Path, screen: object) -> ShardConfig:
    return ShardConfig(source=str(collection), dataset="pets", resolution=16, screen=str(screen), workers=1)


def test_suspects_are_quarantined_and_come_back_when_they_are_allowed(collection: Path, tmp_path: Path) -> None:
    plain = build(config(collection, ""), tmp_path)
    verdicts = write(tmp_path / "verdicts.parquet", collection)
    screened = build(config(collection, verdicts), tmp_path)
    # The forged file has a copy in the collection: both are out, and neither is a duplicate any more.
    assert (screened.seen, screened.kept, screened.duplicates, screened.quarantined) == (44, 38, 0, 6)
    assert screened.reasons["suspect_forged"] == 2
    assert screened.reasons["suspect_flood"] == 1
    assert screened.version != plain.version
    rows = pq.read_table(Path(screened.manifest).parent / "quarantine.parquet").to_pylist()
    (flood,) = [row for row in rows if row["reason"] == "suspect_flood"]
    assert flood["source"] == "Ünicode/01 x.png"
    assert "p_real 0.0100" in flood["message"]
    assert build(config(collection, verdicts), tmp_path).reused
    allowed = build(config(collection, write(verdicts, collection, allowed=True)), tmp_path)
    assert (allowed.version, allowed.kept, allowed.quarantined) == (plain.version, 40, 3)


def test_no_suspects_change_nothing(collection: Path, tmp_path: Path) -> None:
    plain = build(config(collection, ""), tmp_path / "a")
    passed = build(config(collection, write(tmp_path / "v.parquet", collection, verdict="pass")), tmp_path / "b")
    assert (passed.version, passed.reasons) == (plain.version, plain.reasons)


@pytest.mark.parametrize("uri", ["nowhere.parquet", "models:/digits@champion"])
def test_what_is_no_table_of_verdicts_is_refused(collection: Path, tmp_path: Path, uri: str) -> None:
    with pytest.raises(SourceError, match="shardgan screen"):
        build(config(collection, uri), tmp_path)


@pytest.mark.parametrize("changes", [{"verdict": "odd"}, {"source_sha256": "12"}])
def test_a_damaged_verdict_is_refused(collection: Path, tmp_path: Path, changes: dict[str, str]) -> None:
    with pytest.raises(SourceError, match="Make them again with"):
        read_verdicts(str(write(tmp_path / "v.parquet", collection, **changes)))
