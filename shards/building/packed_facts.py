"""Facts about samples as the ledger stores them: JSON, in which a number stands for each quantisation table."""

import json
import sqlite3
from functools import lru_cache
from typing import Any

_TABLE_COLUMNS = {"jpeg_tables", "stored_jpeg_tables"}
_KNOWN_TABLES = 4096  # quantisation tables in memory; others are looked up in the file


class PackedFacts:
    """Packs and unpacks facts. The tables are few, but they are half of the text, so each is stored once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._number_of = lru_cache(_KNOWN_TABLES)(self._find_number)
        self._table_of = lru_cache(_KNOWN_TABLES)(self._find_table)

    def pack(self, facts: dict[str, Any]) -> str:
        """Return facts as JSON. A new table gets a row in `jpeg_tables`, so call it inside a transaction."""
        return json.dumps(facts | {name: self._number_of(facts[name]) for name in _TABLE_COLUMNS & facts.keys()})

    def unpack(self, text: str) -> dict[str, Any]:
        """Return the facts that `pack` was given."""
        facts: dict[str, Any] = json.loads(text)
        return facts | {name: self._table_of(facts[name]) for name in _TABLE_COLUMNS & facts.keys()}

    def _find_number(self, tables: str | None) -> int | None:
        if tables is None:
            return None
        self._db.execute("INSERT OR IGNORE INTO jpeg_tables(value) VALUES (?)", (tables,))
        return int(self._db.execute("SELECT number FROM jpeg_tables WHERE value = ?", (tables,)).fetchone()[0])

    def _find_table(self, number: int | None) -> str | None:
        row = self._db.execute("SELECT value FROM jpeg_tables WHERE number = ?", (number,)).fetchone()
        return str(row[0]) if row else None
