"""Runs each stage of a collection in a process of its own, and keeps what it took."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from benchmarks.harness.page import commit
from benchmarks.harness.rows import Row, kept

SHARDGAN = str(Path(sys.executable).with_name("shardgan"))
PYTHON = (sys.executable, "-W", "ignore", "-m")
GROWTH = 100  # one more file for so many
# The names of the stages, in the order in which they run.
BUILD, AGAIN, GROW, VERIFY = "build", "build again, unchanged", "build with 1 % more", "verification"
STREAM, AUTO, FEATURES = "training start, streamed", "training start, automatic", "features of real images"
LIST, SHOW = "shardgan list", "shardgan show"
STAGES = (BUILD, AGAIN, GROW, VERIFY, STREAM, AUTO, FEATURES, LIST, SHOW)


def measure_collection(folder: Path, number: int) -> Iterator[Row]:
    """Yield what each stage of a collection of `number` files took. `folder` keeps files, home and figures."""
    source, home = folder / "images", folder / "home"
    figures, name = folder / "figures", f"scale-{number}"
    environment = {"SHARDGAN_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    shard = [*PYTHON, "shards", str(source), str(home), "--dataset", name, "--resolution", "32"]

    def run(stage: str, command: list[str]) -> Row:
        def once() -> Row:
            return {"number": number, "stage": stage} | measure(command, environment)

        return kept(figures / f"{name}-{stage.replace(' ', '-')}.json", once)

    def step(stage: str, step: str) -> Row:
        (latest,) = (home / "datasets" / name / (home / "datasets" / name / "LATEST").read_text().strip(),)
        return run(stage, [*PYTHON, "benchmarks.scale.steps", step, str(latest / "manifest.json")])

    _make(source, figures, number)
    yield run(BUILD, shard)
    yield run(AGAIN, shard)
    _make(source, figures, number + number // GROWTH)
    yield run(GROW, shard)
    yield step(VERIFY, "verify")
    yield step(STREAM, "stream")
    yield step(AUTO, "auto")
    yield step(FEATURES, "features")
    yield run(LIST, [SHARDGAN, "list"])
    yield run(SHOW, [SHARDGAN, "show", name])


def _make(source: Path, figures: Path, number: int) -> None:
    """Let the collection grow to `number` files."""
    known = figures / "number"
    present = int(known.read_text()) if known.exists() else 0
    if number > present:
        command = [*PYTHON, "benchmarks.scale.collection", str(source), str(present), str(number)]
        subprocess.run(command, check=True)
        figures.mkdir(parents=True, exist_ok=True)
        known.write_text(str(number))


def measure(command: list[str], environment: Mapping[str, str], statuses: tuple[int, ...] = (0,)) -> Row:
    """Run a command: CPU seconds of all its processes, seconds, peak memory of its largest process in MB, and loads."""
    before, began = psutil.getloadavg()[0], time.monotonic()
    known = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "MLFLOW_"))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=known | dict(environment)) as child:
        assert child.stdout is not None
        said = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in statuses:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}")
    row = {
        "cpu": round(used.ru_utime + used.ru_stime, 2),
        "seconds": round(time.monotonic() - began, 1),
        "peak_mb": round(used.ru_maxrss / 1024, 1),
        "commit": commit(),
        "loads": [round(before, 1), round(psutil.getloadavg()[0], 1)],
        "lines": said.strip().splitlines()[-20:],
    }
    print(f"{json.dumps(row)}: {' '.join(command)}", file=sys.stderr, flush=True)
    return row
