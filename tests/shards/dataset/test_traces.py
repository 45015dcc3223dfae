"""Quantisation tables of files and samples are recorded, kept in the ledger, and counted."""

import io
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, JpegImagePlugin

from shards import Dataset, DatasetError, ShardConfig, build
from shards.images.jpeg import tables


def picture(seed: int, side: int = 32) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 32x32: twelve JPEG 15 at 4:2:0, eight at 4:4:4 with tables of their own, six grey JPEG 30, four PNG."""
    folder = tmp_path_factory.mktemp("files")
    own = [list(range(1, 65)), list(range(65, 129))]
    for number in range(30):
        image, path = picture(number), folder / f"{number:02d}.jpg"
        if number < 12:
            image.save(path, quality=15, subsampling="4:2:0")
        elif number < 20:
            image.save(path, qtables=own, subsampling="4:4:4")
        elif number < 26:
            image.convert("L").save(path, quality=30)
        else:
            image.save(path.with_suffix(".png"))
    return folder


def made(source: Path, root: Path, **settings: object) -> str:
    settings = {"resolution": 32, "val_fraction": 0, **settings}
    return build(ShardConfig(source=str(source), dataset="mixed", **settings), root).manifest


def rows(manifest: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.read_table(Path(manifest).with_name("samples.parquet")).to_pylist()
    return found


def table_of(quality: int) -> int:
    """The first step of libjpeg's luminance table."""
    return (16 * (5000 // quality if quality < 50 else 200 - 2 * quality) + 50) // 100


def test_tables_of_file_and_sample_are_recorded(source: Path, tmp_path: Path) -> None:
    for row in rows(made(source, tmp_path, encoding="jpeg:95")):
        number = int(Path(str(row["source"])).stem)
        steps = [one.split(",") for one in str(row["jpeg_tables"]).split(";")] if row["jpeg_tables"] else []
        assert [len(one) for one in steps] == ([64, 64] if number < 20 else [64] if number < 26 else [])
        if number < 12:
            assert steps[0][0] == str(table_of(15))
        elif number < 20:
            assert steps[0] == [str(step) for step in range(1, 65)]
        assert str(row["stored_jpeg_tables"]).startswith(f"{table_of(95)},")
        assert row["stored_jpeg_subsampling"] == "4:4:4"


def test_an_untouched_file_is_stored_with_its_own_tables(source: Path, tmp_path: Path) -> None:
    for row in rows(made(source, tmp_path, encoding="original")):
        assert row["stored_jpeg_tables"] == row["jpeg_tables"]
        assert row["stored_jpeg_subsampling"] == row["jpeg_subsampling"]


@pytest.mark.parametrize("encoding", ["original", "png", "jpeg:95"])
def test_files_that_kept_their_pixels_count_with_their_own_tables(source: Path, tmp_path: Path, encoding: str) -> None:
    found = Dataset.open(made(source, tmp_path, encoding=encoding)).traces()
    kinds = {int(one[0, 0, 0]): (one, factors.tolist(), int(count)) for one, factors, count in zip(*found, strict=True)}
    plain = table_of(95) if encoding == "jpeg:95" else 1
    own = kinds.pop(1) if encoding == "jpeg:95" else None
    if own is None:  # 1 is the first step both of tables of ones and of those of their own
        assert sorted(found.counts.tolist()) == [4, 6, 8, 12]
    else:
        assert own[0][0].ravel().tolist() == list(range(1, 65))
        assert own[0][1].ravel().tolist() == own[0][2].ravel().tolist() == list(range(65, 129))
        assert own[1:] == ([1, 1], 8)
        assert kinds[plain][1:] == ([1, 1], 4)
    assert kinds[table_of(15)][1:] == ([2, 2], 12)
    assert kinds[table_of(30)][1:] == ([1, 1], 6)
    assert kinds[table_of(30)][0][1:].max() == 1


def test_scaled_files_count_as_the_shard_encodes_them(source: Path, tmp_path: Path) -> None:
    plain = Dataset.open(made(source, tmp_path / "png", resolution=16, encoding="png")).traces()
    assert (plain.factors.tolist(), plain.counts.tolist()) == ([[0, 0]], [30])
    coarse = Dataset.open(made(source, tmp_path / "jpeg", resolution=16, encoding="jpeg:40")).traces()
    assert (coarse.factors.tolist(), coarse.counts.tolist()) == ([[2, 2]], [30])
    assert coarse.tables[0, 0, 0, 0] == table_of(40)


def test_tables_of_a_cmyk_file_are_four_and_count_for_nothing(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    picture(0).convert("CMYK").save(buffer, "JPEG", quality=20)
    with Image.open(buffer) as image:
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        assert str(tables(image)).count(";") == 3
    (tmp_path / "in").mkdir()
    for number in range(3):
        picture(number).convert("CMYK").save(tmp_path / "in" / f"{number}.jpg", quality=20)
    assert Dataset.open(made(tmp_path / "in", tmp_path, encoding="png")).traces().factors.tolist() == [[0, 0]]


def test_a_ledger_keeps_each_table_once(source: Path, tmp_path: Path) -> None:
    manifest = made(source, tmp_path, encoding="jpeg:95")
    (ledger,) = Path(manifest).parents[1].glob(".builds/*/ledger.sqlite")
    database = sqlite3.connect(ledger)
    (count,) = database.execute("SELECT count(*) FROM jpeg_tables").fetchone()
    (longest,) = database.execute("SELECT max(length(facts)) FROM contents").fetchone()
    assert count == 4  # three kinds of files, one of samples
    assert longest < 800


def test_a_grown_collection_keeps_the_tables_of_what_it_had(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "growing"
    shutil.copytree(source, folder)
    made(folder, tmp_path, encoding="original")
    picture(99).save(folder / "99.jpg", quality=50)
    again = Dataset.open(made(folder, tmp_path, encoding="original"))
    assert sorted(again.traces().counts.tolist()) == [
        1,
        4,
        6,
        8,
        12,
    ]


def test_a_version_without_tables_is_refused(source: Path, tmp_path: Path) -> None:
    manifest = made(source, tmp_path, encoding="original")
    path = Path(manifest).with_name("samples.parquet")
    table = pq.read_table(path)
    nulls = pa.nulls(len(table), pa.string())
    pq.write_table(table.set_column(table.column_names.index("stored_jpeg_tables"), "stored_jpeg_tables", nulls), path)
    with pytest.raises(DatasetError, match="build it again"):
        Dataset.open(manifest).traces()
    pq.write_table(table.drop_columns(["stored_jpeg_tables"]), path)
    with pytest.raises(DatasetError, match="build it again"):
        Dataset.open(manifest).traces()
