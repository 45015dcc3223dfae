"""Asks a small and a large registry the same things, each in a process of its own, and keeps what it took."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.rows import Row, kept
from benchmarks.scale.stages import PYTHON, SHARDGAN, measure

FIRST_RUN = "large-dcgan-00000005"  # of version 5
# Each runs in a process that has imported MLflow and Prefect already: what is measured is the look-up itself.
LOOKUPS = (
    "champion look-up",
    "version of a run",
    "promotion",
    "rollback",
    "check of foreign champions",
    "figures for Prometheus",
)
# Each is measured from the start of the command to its end.
COMMANDS = (
    "list",
    "list models",
    "list runs",
    "list runs --all",
    "show large@champion",
    "show large",
    f"show {FIRST_RUN}",
    "show largr",
)


class Size(NamedTuple):
    """A registry: versions of one model, and runs, each with its directory."""

    versions: int
    runs: int


SMALL, LARGE = Size(10, 100), Size(1000, 10_000)


def measure_registry(folder: Path) -> Iterator[Row]:
    """Yield what each question takes with a small and with a large registry."""
    for size in (SMALL, LARGE):
        home = folder / f"registry-{size.versions}"
        if not (home / "made").exists():
            subprocess.run([*PYTHON, "benchmarks.scale.registry_home", str(home), *map(str, size)], check=True)
            (home / "made").touch()
        for what in (*LOOKUPS, *COMMANDS):
            path = folder / "figures" / f"registry-{size.versions}-{what.replace(' ', '-')}.json"
            yield kept(path, lambda home=home, what=what, size=size: _ask(home, what) | size._asdict())  # type: ignore[misc]


def _ask(home: Path, what: str) -> Row:
    environment = {"SHARDGAN_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    if what in COMMANDS:
        row = measure([SHARDGAN, *what.split()], environment, statuses=(0, 2))
        return {"what": f"shardgan {what}"} | row
    row = measure([*PYTHON, "benchmarks.scale.lookups", what], environment)
    taken = json.loads(row["said"])
    return {"what": what, "loads": row["loads"], "commit": row["commit"]} | taken
