"""Prefect's tables: a new database is a copy of the one that this user made first."""

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.tracking.databases import cache_folder

MIGRATE = "from tasks.service.databases import migrate_prefect; migrate_prefect()"


def migrate(path: Path, cache: Path | None = None) -> set[str]:
    """Create the tables in a process of its own, and return their names."""
    environment = os.environ | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{path}"}
    environment |= {"XDG_CACHE_HOME": str(cache)} if cache else {}
    subprocess.run([sys.executable, "-c", MIGRATE], env=environment, check=True)
    with sqlite3.connect(path) as database:
        return {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_new_database_is_a_copy_of_the_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = migrate(tmp_path / "first.db")
    (template,) = cache_folder().glob("prefect-*.db")  # made just now, or by an earlier test
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    copy = cache_folder() / template.name
    copy.parent.mkdir()
    copy.write_bytes(template.read_bytes())
    with contextlib.closing(sqlite3.connect(copy)) as database:
        database.execute("CREATE TABLE from_the_template (name TEXT)")
    assert migrate(tmp_path / "second.db", tmp_path) == first | {"from_the_template"}


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 and no more"], ids=["empty", "damaged"])
def test_a_damaged_template_is_made_anew(content: bytes, tmp_path: Path) -> None:
    (sound,) = cache_folder().glob("prefect-*.db")
    damaged = tmp_path / "shardgan" / sound.name
    damaged.parent.mkdir()
    damaged.write_bytes(content)
    assert migrate(tmp_path / "new.db", tmp_path) == migrate(tmp_path / "other.db")
    assert damaged.read_bytes()[:16] == sound.read_bytes()[:16]
