"""Homes that are made once: copied for each test, or put back to what they were after it."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

DATABASE = "mlflow.db"


def copy_home(source: Path, target: Path) -> Path:
    """Copy a home whose MLflow database is new; artifacts of the copy lie in the copy."""
    shutil.copytree(source, target)
    with contextlib.closing(sqlite3.connect(target / DATABASE)) as tables, tables:
        # Of the one experiment that a new database has.
        tables.execute("UPDATE experiments SET artifact_location = ?", [(target / "mlartifacts" / "0").as_uri()])
    return target


class KeptHome:
    """A home at `root`, and what it contained when this object was made."""

    def __init__(self, root: Path) -> None:
        self.root, self.files = root, root.with_name(f"{root.name}-kept")
        shutil.copytree(root, self.files, ignore=shutil.ignore_patterns(f"{DATABASE}*"))
        self.tables = sqlite3.connect(":memory:")
        self._copy_tables(back=False)

    def put_back(self) -> None:
        """Give the home its content again. Connections to the database stay valid: it is written, not replaced."""
        for path in [path for path in self.root.iterdir() if not path.name.startswith(DATABASE)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(self.files, self.root, dirs_exist_ok=True)
        self._copy_tables(back=True)

    def _copy_tables(self, back: bool) -> None:
        with contextlib.closing(sqlite3.connect(self.root / DATABASE, timeout=60)) as live:
            (self.tables if back else live).backup(live if back else self.tables)
