"""The registry's tables in the home's own SQLite file, read without MLflow, whose import takes seconds.

Only reads. Everything that changes the registry goes through MLflow. tests/tasks/tracking/inventory compares what is
read here with what MLflow's client says.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tasks.errors import RequestError
from tasks.tracking.inventory.records import Record

DELETED = "Deleted_Internal"  # MLflow's stage of a deleted version, whose row stays


class StoredVersion(Record):
    """A registered version as the registry stores it. `created` is in milliseconds."""

    name: str
    version: str
    created: int
    run_id: str
    source: str
    location: str
    tags: dict[str, str]
    aliases: list[str]


def read_versions(database: Path) -> list[StoredVersion]:
    """Return all registered versions. Raises RequestError if the file cannot be read as MLflow's database."""
    try:
        with _open(database) as tables:
            tags = _grouped(tables, "SELECT name, version, key, value FROM model_version_tags")
            aliases = _grouped(tables, "SELECT name, version, alias, '' FROM registered_model_aliases ORDER BY alias")
            rows = tables.execute(
                "SELECT name, version, creation_time, run_id, source, storage_location FROM model_versions "
                "WHERE current_stage IS NULL OR current_stage != ? ORDER BY name, version",
                [DELETED],
            ).fetchall()
    except sqlite3.DatabaseError as error:
        raise RequestError(
            f"{database} cannot be read as MLflow's database ({error}): restore it, or start with another SHARDGAN_HOME"
        ) from error
    return [
        StoredVersion(
            name=name,
            version=str(version),
            created=created or 0,
            run_id=run_id or "",
            source=source or "",
            location=location or source or "",
            tags=tags.get((name, version), {}),
            aliases=list(aliases.get((name, version), {})),
        )
        for name, version, created, run_id, source, location in rows
    ]


@contextlib.contextmanager
def _open(database: Path) -> Iterator[sqlite3.Connection]:
    # mode=rw does not create a file. mode=ro cannot read a write-ahead log that no other process has open.
    uri = f"file:{quote(str(database))}?mode=rw"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as tables:
        tables.execute("PRAGMA query_only = 1")
        yield tables


def _grouped(tables: sqlite3.Connection, query: str) -> dict[tuple[str, Any], dict[str, str]]:
    """Return the pairs of the third and fourth column by the first two."""
    found: dict[tuple[str, Any], dict[str, str]] = {}
    for name, version, key, value in tables.execute(query):
        found.setdefault((name, version), {})[key] = value or ""
    return found
