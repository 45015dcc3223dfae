"""Asks a small and a large registry the same things, and keeps what each took."""

import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.rows import Row, kept
from benchmarks.scale.stages import PYTHON, SHARDGAN, measure

FIRST_RUN = "large-dcgan-00000005"  # of version 5
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


Question = Callable[[dict[str, str]], list[Row]]


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
        environment = {"SHARDGAN_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
        questions: list[Question] = [_look_up, *(partial(_command, words) for words in COMMANDS)]
        for number, look_up in enumerate(questions):
            path = folder / "figures" / f"registry-{size.versions}-{number}.json"
            for row in kept(path, partial(_rows, look_up, environment))["rows"]:
                yield row | size._asdict()


def _rows(look_up: Question, environment: dict[str, str]) -> Row:
    return {"rows": look_up(environment)}


def _look_up(environment: dict[str, str]) -> list[Row]:
    """Ask everything that needs MLflow, in one process."""
    row = measure([*PYTHON, "benchmarks.scale.lookups"], environment)
    common = {name: row[name] for name in ("loads", "commit")}
    return [json.loads(line) | common for line in row["lines"] if line.startswith('{"what"')]


def _command(words: str, environment: dict[str, str]) -> list[Row]:
    return [{"what": f"shardgan {words}"} | measure([SHARDGAN, *words.split()], environment, statuses=(0, 2))]
