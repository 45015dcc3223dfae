"""Listings as sources: a parquet, CSV, TSV or JSONL file whose rows name the images, or hold them."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shards.config import ShardConfig
from shards.entries import Entry, as_text
from shards.errors import SourceError
from shards.folders import file_entry
from shards.uris import is_remote, join, local_path, open_binary

Row = dict[str, Any]
_ROWS = 4096


def listing_kind(uri: str, head: bytes) -> str | None:
    """Tell a listing from its first bytes or its suffix: `parquet`, `csv`, `tsv`, `jsonl` or None."""
    if head.startswith(b"PAR1"):
        return "parquet"
    suffix = uri.rpartition(".")[2].lower()
    return suffix if suffix in ("csv", "tsv", "jsonl") else None


def list_rows(uri: str, kind: str, stamp: str, config: ShardConfig) -> Iterator[Entry]:
    """Yield an entry a row; raises SourceError when the file cannot be read or lacks a column."""
    try:
        if config.bytes_column:
            yield from _rows_with_bytes(uri, kind, stamp, config)
            return
        folder = uri.rpartition("/")[0] if is_remote(uri) else str(local_path(uri).parent)
        for row in _rows(uri, kind):
            yield _path_entry(folder, str(_cell(row, config.path_column, uri)), _label(row, config))
    except (OSError, ValueError, csv.Error) as error:
        raise SourceError(f"the listing {uri!r} cannot be read: {error}") from error


def _rows(uri: str, kind: str) -> Iterator[Row]:
    with open_binary(uri) as file:
        if kind == "parquet":
            import pyarrow.parquet as pq

            for batch in pq.ParquetFile(file).iter_batches(batch_size=_ROWS):
                yield from batch.to_pylist()
            return
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        if kind == "jsonl":
            yield from (json.loads(line) for line in text if line.strip())
        else:
            yield from csv.DictReader(text, delimiter="\t" if kind == "tsv" else ",")


def _rows_with_bytes(uri: str, kind: str, stamp: str, config: ShardConfig) -> Iterator[Entry]:
    if kind != "parquet":
        raise SourceError(f"bytes_column {config.bytes_column!r} needs a parquet listing; {uri!r} is {kind}")
    import pyarrow.parquet as pq

    with open_binary(uri) as file:
        table = pq.ParquetFile(file)
        names = table.schema_arrow.names
        if config.bytes_column not in names:
            raise SourceError(f"the listing {uri!r} has no column {config.bytes_column!r}; it has {', '.join(names)}")
        wanted = [name for name in (config.label_column,) if name in names and config.labels != "none"]
        for group in range(table.num_row_groups):
            count = table.metadata.row_group(group).num_rows
            rows = table.read_row_group(group, columns=wanted).to_pylist() if wanted else [{}] * count
            for number, row in enumerate(rows):
                place = ("row", uri, group, number, config.bytes_column)
                yield Entry(f"{group:06d}/{number:08d}", _label(row, config), 0, stamp, place)


def _path_entry(folder: str, name: str, label: str | None) -> Entry:
    uri = name if is_remote(name) else join(folder, name)
    source = as_text(name)
    if is_remote(uri):
        return Entry(source, label, 0, "listed", ("url", uri))
    try:
        return file_entry(Path(uri), source, label)
    except OSError:  # the child will say so when it cannot open it
        return Entry(source, label, 0, "missing", ("file", uri))


def _cell(row: Row, column: str, uri: str) -> Any:
    if column not in row:
        raise SourceError(f"the listing {uri!r} has no column {column!r}; it has {', '.join(map(str, row))}")
    return row[column]


def _label(row: Row, config: ShardConfig) -> str | None:
    value = row.get(config.label_column) if config.labels != "none" else None
    return None if value is None or value == "" else str(value)
