"""Counts the JPEG encodings of a split. Compressed with them, clean images get the same traces as the split.

The samples table is read in bounded memory. The tables of a source file describe its pixels only if the image was not
scaled, cropped or rotated by the build. Otherwise only the encoding in the shard counts. When both count, the coarser
one is used, because its traces are the visible ones.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shards.errors import DatasetError
from shards.storage.uris import open_binary

MOST_KINDS = 4096  # the most frequent are kept
_FACTORS = {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2), "4:4:0": (1, 2), "4:1:1": (4, 1), "4:1:0": (4, 2)}
_TOLD = ("stored_jpeg_tables", "stored_jpeg_subsampling", "jpeg_tables", "jpeg_subsampling")
_COLUMNS = ["split", "suffix", "orientation", "width", "height", "stored_width", "stored_height", *_TOLD]
_Key = tuple[str, str | None]  # tables and subsampling
_PLAIN: _Key = ("", None)


class JpegTraces(NamedTuple):
    """K encodings: quantisation `tables` (K, 3, 8, 8) for Y, Cb and Cr, chroma `factors` (K, 2), `counts` (K,).

    `factors` are the pixels in x and y that one chroma sample covers. Factors of 0 with tables of ones mean images
    without traces of JPEG, or with traces that tables do not describe (WebP, CMYK, unusual subsampling).
    """

    tables: NDArray[np.uint16]
    factors: NDArray[np.int64]
    counts: NDArray[np.int64]


def read_jpeg_traces(uri: str, split: str) -> JpegTraces:
    """Count the encodings of a split in the samples table at `uri`. Raises DatasetError when it does not have them."""
    found = Counter[_Key]()
    with open_binary(uri) as file:
        table = pq.ParquetFile(file)
        if not set(_COLUMNS) <= set(table.schema_arrow.names):
            raise _too_old(uri)
        for batch in table.iter_batches(columns=_COLUMNS):
            for *shown, is_jpeg, count in _kinds(batch, split):
                if is_jpeg and not shown[0]:  # taken from an earlier version
                    raise _too_old(uri)
                found[_encoding(*shown)] += count
    # The order depends only on the counts, because a resumed training must draw the same encodings.
    return _arrays(sorted(found.items(), key=lambda item: (-item[1], str(item[0])))[:MOST_KINDS])


def _too_old(uri: str) -> DatasetError:
    return DatasetError(
        f"{uri!r} lacks JPEG tables, because an earlier release wrote it or a part of it. Remove that version and the "
        f"folder .builds beside it, and build it again."
    )


def _kinds(rows: pa.RecordBatch, split: str) -> Iterator[tuple[Any, ...]]:
    """Yield tables and subsampling of shard and file, whether pixels are unmoved and stored as JPEG, and the count."""
    rows = rows.filter(pc.equal(rows["split"], split))
    same_size = pc.and_(pc.equal(rows["width"], rows["stored_width"]), pc.equal(rows["height"], rows["stored_height"]))
    unmoved = pc.and_(same_size, pc.equal(rows["orientation"], 1))
    is_jpeg = pc.equal(rows["suffix"], "jpg")
    kinds = pa.table({**{name: rows[name] for name in _TOLD}, "unmoved": unmoved, "is_jpeg": is_jpeg})
    counted = kinds.group_by(kinds.column_names).aggregate([([], "count_all")])
    yield from zip(*(counted[name].to_pylist() for name in (*kinds.column_names, "count_all")), strict=True)


def _encoding(
    stored: str | None, stored_chroma: str | None, own: str | None, chroma: str | None, unmoved: bool
) -> _Key:
    """Return the encoding whose traces the pixels show."""
    shown = [(stored, stored_chroma), (own if unmoved else None, chroma)]
    usable = [(tables, sampling) for tables, sampling in shown if tables and _is_usable(tables, sampling)]
    return max(usable, key=lambda key: _coarseness(key[0]), default=_PLAIN)


def _is_usable(tables: str, chroma: str | None) -> bool:
    """Return whether the codec in models/ supports it: grey, or three components with a common subsampling."""
    return chroma in _FACTORS or (chroma is None and tables.count(";") == 0)


def _coarseness(tables: str) -> int:
    return sum(map(int, tables.partition(";")[0].split(",")))


def _arrays(found: list[tuple[_Key, int]]) -> JpegTraces:
    tables = np.ones((len(found), 3, 64), np.uint16)
    factors = np.zeros((len(found), 2), np.int64)
    for index, ((text, chroma), _) in enumerate(found):
        if text:
            rows = [[int(step) for step in one.split(",")] for one in text.split(";")]
            # A grey file has no chroma tables: chroma gets the finest quantisation.
            rows += [rows[-1] if chroma else [1] * 64] * (3 - len(rows))
            tables[index], factors[index] = rows[:3], _FACTORS[chroma or "4:4:4"]
    return JpegTraces(tables.reshape(-1, 3, 8, 8), factors, np.array([count for _, count in found], np.int64))
