"""The JPEG encodings that describe a split's pixels, counted: what has to be done to a clean image to look like these.

Read from samples.parquet in bounded memory. A file's own tables describe its pixels only as long as it was not scaled,
cropped or turned on the way into the shard; after that the shard's encoding alone counts. Where both do, the coarser
one is taken: it is the one that is seen.
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
    """K encodings: `tables` (K, 3, 8, 8) of Y, Cb and Cr; `factors` (K, 2), `counts` (K,).

    `factors` are the pixels across and down that a chroma sample stands for; 0 and 0, with tables of ones, stand for
    images without JPEG's traces, or with traces that the tables do not tell (WebP, CMYK, unusual subsampling).
    """

    tables: NDArray[np.uint16]
    factors: NDArray[np.int64]
    counts: NDArray[np.int64]


def read_jpeg_traces(uri: str, split: str) -> JpegTraces:
    """Count the encodings of a split in the samples table at `uri`; raises DatasetError if it does not tell them."""
    found = Counter[_Key]()
    with open_binary(uri) as file:
        table = pq.ParquetFile(file)
        if not set(_COLUMNS) <= set(table.schema_arrow.names):
            raise _too_old(uri)
        for batch in table.iter_batches(columns=_COLUMNS):
            for *shown, is_jpeg, count in _kinds(batch, split):
                if is_jpeg and not shown[0]:  # taken over from an earlier version
                    raise _too_old(uri)
                found[_encoding(*shown)] += count
    # An order that depends on nothing but the counts: a resumed training must draw the same.
    return _arrays(sorted(found.items(), key=lambda item: (-item[1], str(item[0])))[:MOST_KINDS])


def _too_old(uri: str) -> DatasetError:
    return DatasetError(
        f"{uri!r} was written, in part at least, before JPEG tables were recorded: remove that version and the folder "
        f".builds beside it, and build it again"
    )


def _kinds(rows: pa.RecordBatch, split: str) -> Iterator[tuple[Any, ...]]:
    """Tables and subsampling of shard and file, whether the pixels were not moved and are stored as JPEG; how many."""
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
    """The encoding that pixels show."""
    shown = [(stored, stored_chroma), (own if unmoved else None, chroma)]
    usable = [(tables, sampling) for tables, sampling in shown if tables and _is_usable(tables, sampling)]
    return max(usable, key=lambda key: _coarseness(key[0]), default=_PLAIN)


def _is_usable(tables: str, chroma: str | None) -> bool:
    """Whether the codec in models/ can do it: grey, or three components with the usual sampling."""
    return chroma in _FACTORS or (chroma is None and tables.count(";") == 0)


def _coarseness(tables: str) -> int:
    return sum(map(int, tables.partition(";")[0].split(",")))


def _arrays(found: list[tuple[_Key, int]]) -> JpegTraces:
    tables = np.ones((len(found), 3, 64), np.uint16)
    factors = np.zeros((len(found), 2), np.int64)
    for index, ((text, chroma), _) in enumerate(found):
        if text:
            rows = [[int(step) for step in one.split(",")] for one in text.split(";")]
            # A grey file says nothing about colours: they are left as fine as can be.
            rows += [rows[-1] if chroma else [1] * 64] * (3 - len(rows))
            tables[index], factors[index] = rows[:3], _FACTORS[chroma or "4:4:4"]
    return JpegTraces(tables.reshape(-1, 3, 8, 8), factors, np.array([count for _, count in found], np.int64))
