"""Databases appear whole or not at all, whenever the process that makes them is killed."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tasks.errors import RequestError
from tasks.home import Home, home
from tasks.tracking.databases import ensure_whole, make_database
from tasks.tracking.runs import connect, experiment_id
from tests.waiting import wait_until

# For each home that a line on stdin names, a process of its own connects to it; its id is printed. Importing what they
# need takes seconds, so it is imported once.
CONNECT = """
import os, sys
import mlflow.store.tracking.sqlalchemy_store
from tasks.home import home
from tasks.tracking.runs import connect
for line in sys.stdin:
    if child := os.fork():
        print(child, flush=True)
        os.waitpid(child, 0)
        print("ended", flush=True)
    else:
        os.environ["SHARDGAN_HOME"] = line.strip()
        os.environ["XDG_CACHE_HOME"] = line.strip() + "-cache"  # without a template, tables are created one by one
        connect(home())
        os._exit(0)
"""


def tables(path: Path) -> int:
    """How many tables there are, as far as they can be seen from outside."""
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(path)) as database, contextlib.suppress(sqlite3.OperationalError):
        return int(database.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0])
    return 0


@pytest.fixture(scope="module")
def connector() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", CONNECT]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as process:
        yield process
        process.kill()  # it has nothing to finish


@pytest.mark.parametrize("killed_at", [1, 8, 20])
def test_a_killed_first_command_leaves_a_home_that_works(
    home_dir: Path, connector: "subprocess.Popen[str]", killed_at: int
) -> None:
    assert connector.stdin
    assert connector.stdout
    print(home_dir, file=connector.stdin, flush=True)
    first = int(connector.stdout.readline())
    aside = home_dir / ".mlflow.db.new"
    wait_until(lambda: tables(aside) >= killed_at or not psutil.pid_exists(first), what=f"table {killed_at}")
    with contextlib.suppress(ProcessLookupError):  # it may have been faster
        os.kill(first, signal.SIGKILL)
    assert connector.stdout.readline() == "ended\n"
    client = connect(home())
    assert experiment_id(client, home(), "after")
    assert not aside.exists()


def test_a_copied_database_keeps_its_artifacts_in_its_own_home(home_dir: Path, tmp_path: Path) -> None:
    connect(home())  # from here on there is a template
    other = Home(tmp_path / "an other's", str(tmp_path / "an other's"))
    make_database(other)
    with contextlib.closing(sqlite3.connect(other.mlflow_database)) as database:
        ((location,),) = database.execute("SELECT artifact_location FROM experiments")
    assert location == f"{other.mlartifacts.as_uri()}/0"


def test_a_half_made_database_of_an_earlier_version_is_made_anew(home_dir: Path) -> None:
    home_dir.mkdir()
    with contextlib.closing(sqlite3.connect(home_dir / "mlflow.db")) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('451aebb31d03')")
        database.execute("CREATE TABLE experiments (experiment_id INTEGER NOT NULL, name VARCHAR(256) NOT NULL)")
        database.execute("CREATE TABLE _alembic_tmp_experiments (experiment_id INTEGER NOT NULL)")
        database.commit()
    assert experiment_id(connect(home()), home(), "after")


def test_a_database_with_rows_stays_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE runs (name TEXT)")
        database.execute("INSERT INTO runs VALUES ('kept')")
        database.commit()
    inode = path.stat().st_ino
    made: list[Path] = []
    ensure_whole(path, 7, ("runs", "models"), made.append)
    ensure_whole(path, 7, ("runs", "models"), made.append)
    assert made == [path]
    assert path.stat().st_ino == inode


def test_a_file_that_is_not_a_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    path.write_text("not a database, but long enough to look like one" * 100)
    with pytest.raises(RequestError, match=r"some\.db is not a database"):
        ensure_whole(path, 7, (), lambda _path: None)
