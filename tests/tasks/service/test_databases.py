"""Prefect's tables: a new database is a copy of the one that this user made first."""

import contextlib
import json
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


# What a release with the former names has left in the tables. Prints what three look-ups find afterwards.
RENAME = """
import asyncio, json, os, sqlite3, sys
from uuid import UUID
from tasks.service.databases import migrate_prefect, rename_deployments
from tasks.service.prefect_server import find_former_names

migrate_prefect()
with sqlite3.connect(sys.argv[1]) as database:
    for number, name in enumerate(["pipeline", "evaluate-gan", "mine"]):
        flow = str(UUID(int=number))
        database.execute("INSERT INTO flow (id, name) VALUES (?, ?)", [flow, name])
        insert = "INSERT INTO deployment (id, name, flow_id) VALUES (?, ?, ?)"
        for place, called in enumerate(["on-demand", "score-and-promote"][: 2 if name == "evaluate-gan" else 1]):
            database.execute(insert, [str(UUID(int=10 * number + place)), called, flow])
database.close()

async def look(flow, name):
    from prefect.server.database import provide_database_interface
    from prefect.server.models import deployments
    async with provide_database_interface().session_context() as session:
        found = await deployments.read_deployment_by_name(session=session, name=name, flow_name=flow)
        return [found.id.int, found.name] if found else None

async def main():
    await rename_deployments()
    await rename_deployments()
    find_former_names()
    asked = ["pipeline/on-demand", "pipeline/images-to-champion", "evaluate-gan/on-demand", "mine/on-demand"]
    found = {name: await look(*name.split("/")) for name in [*asked, "pipeline/other"]}
    print(json.dumps(found))

asyncio.run(main())
"""


def test_deployments_with_the_former_name_are_renamed_and_still_found(tmp_path: Path) -> None:
    path = tmp_path / "prefect.db"
    environment = os.environ | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{path}"}
    done = subprocess.run([sys.executable, "-c", RENAME, path], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "pipeline/on-demand": [0, "images-to-champion"],
        "pipeline/images-to-champion": [0, "images-to-champion"],
        "evaluate-gan/on-demand": [10, "on-demand"],  # both names were there: neither is touched
        "mine/on-demand": [20, "on-demand"],
        "pipeline/other": None,
    }
