"""Listings as sources: a parquet, CSV, TSV or JSONL file whose rows name the images or contain them."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shards.config import ShardConfig
from shards.errors import SourceError
from shards.sources.entries import Entry, as_text
from shards.sources.folders import file_entry, web_place
from shards.sources.parquet import Row, read_rows
from shards.storage.stores import STORES, protocol_of
from shards.storage.uris import is_remote, join, local_path, open_binary

_MOST_LINE = 2**20
_MOST_NAMES = 500


def listing_kind(uri: str, head: bytes) -> str | None:
    """Tell a listing from its first bytes or its suffix: `parquet`, `csv`, `tsv`, `jsonl` or None."""
    if head.startswith(b"PAR1"):
        return "parquet"
    suffix = uri.rpartition(".")[2].lower()
    return suffix if suffix in ("csv", "tsv", "jsonl") else None


def list_rows(uri: str, kind: str, stamp: str, config: ShardConfig) -> Iterator[Entry]:
    """Yield one entry per row; raises SourceError when the file cannot be read or a column is missing."""
    try:
        if config.bytes_column:
            yield from _rows_with_bytes(uri, kind, stamp, config)
            return
        folder = uri.rpartition("/")[0] if is_remote(uri) else str(local_path(uri).parent)
        for row in _rows(uri, kind, config):
            yield _path_entry(folder, uri, str(_cell(row, config.path_column, uri)), _label(row, config))
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise SourceError(f"the listing {uri!r} cannot be read: {error}") from error


def _rows(uri: str, kind: str, config: ShardConfig) -> Iterator[Row]:
    if kind == "parquet":
        yield from read_rows(uri, [config.path_column, config.label_column], config.memory_limit_mb * 2**20)
        return
    with open_binary(uri) as file:
        lines = _lines(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
        if kind == "jsonl":
            yield from (_mapping(json.loads(line)) for line in lines if line.strip())
        else:
            yield from csv.DictReader(lines, delimiter="\t" if kind == "tsv" else ",")


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Yield a file's lines; raises ValueError for a line that is too long to be held in memory."""
    while line := text.readline(_MOST_LINE + 1):
        if len(line) > _MOST_LINE:
            raise ValueError(f"it has a line of more than {_MOST_LINE} characters")
        yield line


def _mapping(value: Any) -> Row:
    if not isinstance(value, dict):
        raise ValueError(f"a line holds {str(value)[:40]!r} instead of a JSON object")  # noqa: TRY004
    return value


def _rows_with_bytes(uri: str, kind: str, stamp: str, config: ShardConfig) -> Iterator[Entry]:
    if kind != "parquet":
        raise SourceError(f"bytes_column={config.bytes_column} needs a parquet listing, but {uri!r} is a {kind} file.")
    label = [config.label_column] if config.labels != "none" else []
    for row in read_rows(uri, [config.bytes_column, *label], config.memory_limit_mb * 2**20, places_only=True):
        group, number = row["group"], row["number"]
        place = ("row", uri, group, number, config.bytes_column)
        yield Entry(f"{group:06d}/{number:08d}", _label(row, config), 0, stamp, place)


def _path_entry(folder: str, listing: str, name: str, label: str | None) -> Entry:
    uri = name if is_remote(name) else join(folder, name)
    source = as_text(name)
    if is_remote(uri):
        place = ("url", uri) if protocol_of(uri) in STORES else web_place(uri, listing)
        return Entry(source, label, 0, "listed", place)
    try:
        return file_entry(Path(uri), source, label)
    except (OSError, ValueError):  # the decoder child will refuse the file when it cannot open it
        return Entry(source, label, 0, "missing", ("file", as_text(uri)))


def _cell(row: Row, column: str, uri: str) -> Any:
    if column not in row:
        raise SourceError(
            f"the listing {uri!r} has no column {column!r}; it has {', '.join(map(str, row))[:_MOST_NAMES]}"
        )
    return row[column]


def _label(row: Row, config: ShardConfig) -> str | None:
    value = row.get(config.label_column) if config.labels != "none" else None
    return None if value is None or value == "" else as_text(str(value))
