"""The home of the first wave (tests/data/first_wave), laid out for tests that read it or delete from it."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

FIRST_WAVE = Path(__file__).parent / "data" / "first_wave"
WORK = "/tmp/shardgan-first-wave"  # the paths in the artefacts begin with it
DATASET, MADE = "first@10811a0ddef29a44", "made@9c0a8ba2a17219d1"
RUN_OF_ONE, RUN_OF_TWO = "first-dcgan-3992d8fd", "first-dcgan-7d12fed9"
STOPPED = ("first-dcgan-94890150", "first-vaegan-10de2333")


def lay_out_home(root: Path) -> Path:
    """Copy the home to `root`/home: two datasets, four runs, and two versions, the second of which is champion."""
    home = root / "home"
    shutil.copytree(FIRST_WAVE / "home", home)
    for path in (*home.glob("runs/*/config.json"), home / "mlflow.sql"):
        path.write_text(path.read_text().replace(WORK, str(root)))
    with contextlib.closing(sqlite3.connect(home / "mlflow.db")) as tables:
        tables.executescript((home / "mlflow.sql").read_text())
    (home / "mlflow.sql").unlink()
    return home
