"""Atomic creation of SQLite databases: created under a lock in a temporary file, then moved to their path.

Creating the tables takes a hundred steps. A process that is killed in between would leave an incomplete file, which
neither MLflow nor Prefect can repair. Only the creation of MLflow's database imports MLflow, which takes seconds.
"""

import contextlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import filelock

from shards.storage.files import write_atomically
from tasks.errors import RequestError
from tasks.home import Home, home, sqlite_uri

logger = logging.getLogger(__name__)
SIDE_FILES = ("-wal", "-shm", "-journal")
MLFLOW_TABLES = 1  # marks a database with all its tables; MLflow itself compares their version with its own
MLFLOW_DATA = ("runs", "registered_models")


def make_database(home: Home, artifacts: str = "") -> None:
    """Create MLflow's SQLite file under the root if it is missing or incomplete.

    `artifacts` is the URI under which new experiments keep their files. If it is empty, they use the home's own folder.
    """
    root = artifacts or home.mlartifacts.as_uri()
    ensure_whole(home.mlflow_database, MLFLOW_TABLES, MLFLOW_DATA, lambda path: _make_tables(path, root))


def check_artifacts(home: Home, experiment: str) -> None:
    """Raise RequestError if the experiment's artifacts are only reached through the service, and it is not in use."""
    if not home.serves_itself or not home.mlflow_database.exists():
        return
    with _connect(home.mlflow_database) as tables:
        if not tables.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchone():
            return  # not made yet
        found = tables.execute("SELECT artifact_location FROM experiments WHERE name = ?", [experiment]).fetchone()
    if found and found[0].startswith("mlflow-artifacts:"):
        raise RequestError(
            f"the experiment {experiment} was created with the service, which keeps its artifacts: start the service "
            "(`shardgan up`), or choose another dataset name or SHARDGAN_HOME"
        )


def _make_tables(path: Path, artifacts: str) -> None:
    """Create all tables in a new file. MLflow's own checks handle a file that holds runs or models."""
    if path.exists():
        return
    import mlflow
    from mlflow.utils.uri import append_to_uri_path

    template = cache_folder() / f"mlflow-{mlflow.__version__}.db"
    make_from_template(path, template, lambda path: _make_store(path, artifacts))
    with closing(sqlite3.connect(path)) as tables, tables:
        # A new database has one experiment. In a copy, its artifacts would lie in another home.
        location = append_to_uri_path(artifacts, "0")  # type: ignore[no-untyped-call]
        tables.execute("UPDATE experiments SET artifact_location = ?", [location])


def _make_store(path: Path, artifacts: str) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(sqlite_uri(path), artifacts)  # type: ignore[no-untyped-call]
    store._dispose_engine()  # type: ignore[no-untyped-call]


def ensure_whole(path: Path, made_for: int, data_tables: tuple[str, ...], make: Callable[[Path], None]) -> None:
    """Make sure that the database at `path` exists and is complete.

    `made_for` is the version number of the tables. It is kept in the file (`PRAGMA user_version`). If the file has
    another number and none of `data_tables` holds a row, `make` creates a new file, which replaces it. A file with rows
    stays in place, because other processes may use it, and `make` updates it. Raises RequestError if the file is not a
    database.
    """
    if _version(path) == made_for:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_name(f"{path.stem}.lock")):
        if _version(path) == made_for:
            return  # another process has made it meanwhile
        if path.exists() and _holds_rows(path, data_tables):
            make(path)
            _mark(path, made_for)
            return
        aside = path.with_name(f".{path.name}.new")
        _remove(aside)
        make(aside)
        _mark(aside, made_for)
        if path.exists():
            logger.warning("%s is incomplete and holds no data: a new database replaces it", path)
        _remove_side_files(path)
        aside.replace(path)
        _remove_side_files(aside)


def make_from_template(path: Path, template: Path, make: Callable[[Path], None]) -> None:
    """Create a database as a copy of `template`. The first one that `make` creates becomes the template.

    A template is copied only if this user made it and it is whole.
    """
    if _copy(template, path):
        return
    make(path)
    with contextlib.suppress(OSError):  # a cache that cannot be written is no reason to fail
        template.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as database:
            write_atomically(template, database.serialize())


def cache_folder() -> Path:
    """Return this user's folder for files that can be made again at any time, or one in the home without such."""
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named) / "shardgan"
    try:
        return Path.home() / ".cache" / "shardgan"
    except RuntimeError:  # in some containers the user has no folder
        return home().root / "cache"


def _copy(template: Path, path: Path) -> bool:
    try:
        if template.stat().st_uid != os.getuid():
            return False
        shutil.copyfile(template, path)
        with contextlib.closing(sqlite3.connect(path)) as database:
            whole = database.execute("PRAGMA quick_check").fetchone() == ("ok",)
            if whole and database.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,):
                return True
    except (OSError, sqlite3.DatabaseError):
        pass
    path.unlink(missing_ok=True)
    return False


def use_write_ahead_log(path: Path) -> None:
    """Let readers and a writer use the database at the same time. Not for files on a network."""
    with _connect(path) as database:
        database.execute("PRAGMA journal_mode = WAL")


def _version(path: Path) -> int:
    if not path.exists():
        return -1
    with _connect(path) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def _holds_rows(path: Path, tables: tuple[str, ...]) -> bool:
    with _connect(path) as database:
        there = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        # The names of tables come from this program, not from its input.
        return any(database.execute(f"SELECT 1 FROM {one} LIMIT 1").fetchone() for one in tables if one in there)


def _mark(path: Path, made_for: int) -> None:
    with _connect(path) as database:
        database.execute(f"PRAGMA user_version = {made_for}")
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextlib.contextmanager
def _connect(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=60)) as database:
            yield database
            database.commit()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise RequestError(
            f"{path} is not a database ({error}): restore it, or move it away to start with a new one"
        ) from error


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _remove_side_files(path)


def _remove_side_files(path: Path) -> None:
    for suffix in SIDE_FILES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
