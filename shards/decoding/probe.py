"""Decodes some files of a source in the sandbox of builds, without making a dataset version."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from shards.config import ShardConfig
from shards.decoding.fanout import run_locally
from shards.decoding.partition import PartitionSpec, read_part
from shards.images.recipe import Recipe
from shards.reading.streaming import Sample
from shards.sources.entries import Entry

_FILES_A_PART = 64


class Probe(NamedTuple):
    """What became of one file: its facts, and its first image as a build would store it.

    Of a refused file there is no image, and the facts have the `reason`.
    """

    entry: Entry
    facts: dict[str, Any]
    sample: Sample | None


def probe(entries: Sequence[Entry], config: ShardConfig) -> Iterator[Probe]:
    """Decode the files as a build with `config` would, and yield what became of each, in any order."""
    recipe = config.recipe()
    by_source = {entry.source: entry for entry in entries}
    with tempfile.TemporaryDirectory(prefix="probe-") as folder:
        specs = (
            PartitionSpec(
                entries=part,
                recipe=recipe,
                folder=folder,
                time_limit_seconds=config.time_limit_seconds,
                memory_bytes=config.memory_limit_mb * 2**20,
            )
            for part in _in_parts(entries)
        )
        for path in run_locally(specs, config.num_workers(), lambda _row: None, lambda: None):
            with Path(path).open("rb") as file:
                for row in read_part(path):
                    yield Probe(by_source[row["source"]], _facts(row), _first_image(row, file.fileno(), recipe))


def _in_parts(entries: Sequence[Entry]) -> Iterator[tuple[Entry, ...]]:
    for start in range(0, len(entries), _FILES_A_PART):
        yield tuple(entries[start : start + _FILES_A_PART])


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    names = ("source_sha256", "source_bytes", "reason", "message")
    facts: dict[str, Any] = row.get("facts", {})
    return facts | {name: row[name] for name in names if name in row}


def _first_image(row: dict[str, Any], file: int, recipe: Recipe) -> Sample | None:
    for one in row.get("samples", ())[:1]:
        data = os.pread(file, one["bytes"], one["offset"])
        return Sample(row["source_sha256"], 0, data, one["suffix"], recipe)
    return None
