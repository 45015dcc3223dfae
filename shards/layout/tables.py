"""The parquet tables beside the shards: samples, quarantine and duplicates. They are written in bounded memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shards.storage.uris import open_binary

_ROWS_PER_GROUP = 8192

SAMPLES = pa.schema(
    [
        ("key", pa.string()),
        ("split", pa.string()),
        ("label", pa.int32()),
        ("label_name", pa.string()),
        ("source", pa.string()),
        ("source_sha256", pa.string()),
        ("source_bytes", pa.int64()),
        ("format", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("mode", pa.string()),
        ("frames", pa.int32()),
        ("frame", pa.int32()),
        ("orientation", pa.int8()),
        ("icc", pa.string()),
        ("damage", pa.string()),
        ("marked", pa.string()),
        ("jpeg_quality", pa.int16()),
        ("jpeg_subsampling", pa.string()),
        ("jpeg_tables", pa.string()),
        ("jpeg_progressive", pa.bool_()),
        ("pixel_sha256", pa.string()),
        ("perceptual_hash", pa.string()),
        ("sha256", pa.string()),
        ("suffix", pa.string()),
        ("stored_width", pa.int32()),
        ("stored_height", pa.int32()),
        ("stored_jpeg_subsampling", pa.string()),
        ("stored_jpeg_tables", pa.string()),
        ("bytes", pa.int64()),
        ("shard", pa.string()),
        ("offset", pa.int64()),
    ]
)
QUARANTINE = pa.schema(
    [
        ("source", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("size", pa.int64()),
        ("source_sha256", pa.string()),
    ]
)
DUPLICATES = pa.schema(
    [("source", pa.string()), ("duplicate_of", pa.string()), ("key", pa.string()), ("reason", pa.string())]
)


def read_columns(uri: str, columns: Sequence[str]) -> pa.Table:
    """Return columns of a table; raises OSError when the file is missing."""
    with open_binary(uri) as file:
        return pq.read_table(file, columns=list(columns))


def read_batches(uri: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns of a table part by part, in bounded memory; raises OSError when the file is missing."""
    with open_binary(uri) as file:
        yield from pq.ParquetFile(file).iter_batches(columns=list(columns))


class TableWriter:
    """Collects rows and writes them in groups. Columns that a row lacks are null. `close` completes the file."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.num_rows = 0
        self._schema = schema
        self._rows: list[dict[str, Any]] = []
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")

    def add(self, row: dict[str, Any]) -> None:
        """Append one row."""
        self._rows.append(row)
        self.num_rows += 1
        if len(self._rows) >= _ROWS_PER_GROUP:
            self._flush()

    def close(self) -> None:
        """Write the remaining rows and the footer."""
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []
