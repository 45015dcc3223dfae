"""The tables and records of a ledger, and how its file is opened."""

import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

LISTING = """
CREATE TABLE IF NOT EXISTS listing(
    source TEXT PRIMARY KEY, label TEXT, size INTEGER, stamp TEXT, place TEXT, depth INTEGER, ordinal INTEGER)
WITHOUT ROWID
"""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files(
    source TEXT PRIMARY KEY, size INTEGER, stamp TEXT, source_sha256 BLOB, reason TEXT, message TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS arrivals(
    source_sha256 BLOB, frame INTEGER, file TEXT, offset INTEGER, bytes INTEGER, facts TEXT);
CREATE TABLE IF NOT EXISTS jpeg_tables(number INTEGER PRIMARY KEY, value TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS marks(source_sha256 BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value TEXT);
"""
SAMPLES = """
CREATE TABLE IF NOT EXISTS {}(
    source_sha256 BLOB, frame INTEGER, file TEXT, offset INTEGER, bytes INTEGER, facts TEXT,
    PRIMARY KEY(source_sha256, frame)) WITHOUT ROWID
"""


class Claim(NamedTuple):
    """One content and the files that have it; the first in sorted order represents all of them."""

    source_sha256: bytes
    sources: list[tuple[str, str | None]]


class Content(NamedTuple):
    """One sample of one content: where its bytes lie, and the facts about it."""

    frame: int
    file: str
    offset: int
    bytes: int
    facts: dict[str, Any]


class Refusal(NamedTuple):
    """One file that did not become a sample."""

    source: str
    reason: str
    message: str
    size: int
    source_sha256: bytes | None


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file of a ledger, or create it; raises sqlite3.Error."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # With a write-ahead log, a transaction needs no sync. In exclusive mode the log needs no memory that is shared
    # between processes, which network file systems do not have.
    db.executescript(
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
        "PRAGMA cache_size=-32000; PRAGMA temp_store=FILE;"
    )
    db.executescript(_SCHEMA)
    db.execute(LISTING)
    for table in ("contents", "placed"):
        db.execute(SAMPLES.format(table))
    return db
