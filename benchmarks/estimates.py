"""What a dry run foretells beside what then happens: three small runs, each estimated and run at once.

`make bench-estimates`, or `python -m benchmarks.estimates NAME ...` for some of them. A run that was measured is kept
in .cache/bench/estimates and not repeated. Both commands see the machine's other work, so nothing else should run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.collections import digits
from benchmarks.collections.cache import CACHE, made
from benchmarks.harness.cost import measure
from benchmarks.harness.page import table, write_page
from benchmarks.harness.rows import Row, kept
from tasks.tracking.inventory.files import folder_bytes
from tasks.tracking.inventory.words import duration_words, size_words

SHARDGAN = str(Path(sys.executable).with_name("shardgan"))
STAMPS = Path("/usr/share/tuxpaint/stamps")  # of Debian's package tuxpaint-stamps-default
STAGES = ("build", "train", "evaluate")
SMALL = ("evaluate.num_images=200", "evaluate.num_train=300", "evaluate.input_size=64", "shard.encoding=png")
RUNS: dict[str, tuple[str, ...]] = {
    "digits, dcgan": ("--resolution", "32", "--nimg", "8000", "shard.channels=1", "train.tick_nimg=2000", *SMALL),
    "digits, r3": (
        *("--resolution", "32", "--family", "r3", "--nimg", "500", "train.preset=r3-tiny", "shard.channels=1"),
        *("train.tick_nimg=250", *SMALL),
    ),
    "stamps, vaegan": ("--resolution", "48", "--family", "vaegan", "--nimg", "1500", "train.tick_nimg=500", *SMALL),
}
ENDS = re.compile(r"^(\d\d:\d\d:\d\d\.\d+) .*Flow run '\S+-(build|train|evaluate)-?\S*' - Finished in state Completed")
BEGAN = re.compile(r"^began (\S+)$")


def main(names: list[str]) -> None:
    """Measure the runs that are not kept, and write the page."""
    rows = [
        kept(CACHE / "estimates" / f"{name.replace(', ', '-')}.json", lambda name=name: compare(name)) for name in names
    ]
    write_page(
        "estimates",
        "What a dry run foretells, and what happens",
        "make bench-estimates",
        table(["run", "stage", "time", "", "disk", "", "memory", ""], [line for row in rows for line in lines(row)]),
        "In each pair, the estimate of `shardgan run --dry-run` stands first, and then what the run itself took right "
        "after it, with the deviation of the estimate. A stage lasts until its flow has finished, and includes what "
        "the command imports for it; the last one lasts until the command has ended. Memory is the sum of all "
        "processes of the command, shared memory counted once.",
        table(
            ["run", "load before, between, after", "dry run", "run"],
            [
                [row["name"], row["loads"], f"{row['asked']:.0f} s", f"{row['wall']:.0f} s, {row['cpu']:.0f} s of CPU"]
                for row in rows
            ],
        ),
    )


def compare(name: str) -> Row:
    """Estimate a run, then run it in a new home."""
    source = sources(name.partition(",")[0])
    settings = ["--source", str(source), "--dataset", "bench", *RUNS[name], "train.health.score_ticks=0"]
    with tempfile.TemporaryDirectory() as folder:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "MLFLOW_"))}
        environment["SHARDGAN_HOME"] = f"{folder}/home"
        loads = [os.getloadavg()[0]]
        asked = subprocess.run(
            [SHARDGAN, "run", *settings, "--dry-run", "--json"], env=environment, capture_output=True, check=True
        )
        costs = json.loads(asked.stdout)["costs"]
        loads.append(os.getloadavg()[0])
        log = Path(folder, "log")
        began = datetime.now()
        cost = measure([SHARDGAN, "run", *settings, "-v", "--json"], log, environment)
        loads.append(os.getloadavg()[0])
        if cost.status:
            raise SystemExit(log.read_text()[-3000:])
        home = Path(folder, "home")
        happened = {
            "seconds": dict(stage_seconds(log.read_text(), began, cost.wall_seconds)),
            "disk": {
                "build": folder_bytes(home / "datasets"),
                "train": folder_bytes(home / "runs") + folder_bytes(home / "mlartifacts"),
                "evaluate": folder_bytes(home / "reports") + folder_bytes(home / "features"),
            },
        }
    return {
        "name": name,
        "costs": costs,
        "happened": happened,
        "wall": cost.wall_seconds,
        "cpu": cost.cpu_seconds,
        "peak": cost.peak_mb * 2**20,
        "asked": costs.get("seconds", 0.0),
        "loads": ", ".join(f"{load:.1f}" for load in loads),
    }


def stage_seconds(log: str, began: datetime, wall: float) -> Iterator[tuple[str, float]]:
    """Yield each stage and its seconds: from the end of the one before it to the end of its own flow."""
    last = 0.0
    for line in log.splitlines():
        if found := ENDS.match(line):
            at = datetime.combine(began.date(), datetime.strptime(found[1], "%H:%M:%S.%f").time())
            now = (at - began).total_seconds() % 86_400
            yield found[2], now - last
            last = now
    yield "end", wall - last


def lines(row: Row) -> Iterator[list[str]]:
    """Yield the table's lines of one run."""
    estimates = {stage["stage"]: stage for stage in row["costs"]["stages"]}
    took, used = dict(row["happened"]["seconds"]), row["happened"]["disk"]
    took[STAGES[-1]] += took.pop("end")
    for stage in STAGES:
        told = estimates[stage]
        yield [
            row["name"] if stage == STAGES[0] else "",
            stage,
            *pair(told["seconds"], took[stage], duration_words),
            *pair(told["disk_bytes"], used[stage], size_words),
            "",
            "",
        ]
    told = estimates["in all"]
    yield [
        "",
        "**in all**",
        *pair(told["seconds"], row["wall"], duration_words),
        *pair(told["disk_bytes"], sum(used.values()), size_words),
        *pair(told["memory_bytes"], row["peak"], size_words),
    ]


def pair(told: float, happened: float, words: Any) -> list[str]:
    """Estimate and fact in one cell, and the deviation of the estimate in the next one."""
    return [f"{words(told)} / {words(round(happened))}", f"{100 * (told - happened) / happened:+.0f} %"]


def sources(name: str) -> Path:
    """The folder of a collection: every third digit, or all stamps that are PNG files."""
    return made(f"estimates-{name}", _some_digits if name == "digits" else _stamps)


def _some_digits(target: Path) -> None:
    digits.main(target / "all")
    for path in sorted((target / "all").rglob("*.*"))[::3]:
        (target / path.parent.name).mkdir(exist_ok=True)
        shutil.copy(path, target / path.parent.name)
    shutil.rmtree(target / "all")
    (target / "all.complete").unlink()


def _stamps(target: Path) -> None:
    if not STAMPS.is_dir():
        raise SystemExit("the stamps are missing: apt-get install tuxpaint-stamps-default")
    for number, path in enumerate(sorted(STAMPS.rglob("*.png"))):
        shutil.copy(path, target / f"{number:04d}.png")


if __name__ == "__main__":
    main(sys.argv[1:] or list(RUNS))
