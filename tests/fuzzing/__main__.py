"""`python -m tests.fuzzing [SECONDS] [TARGET ...]`: fuzz every reader for so long each, and write the table.

Needs atheris, which `make fuzz` installs. Interesting inputs stay in .cache/fuzz, where the next run begins; findings
lie there too. Without atheris, `pytest tests/fuzzing` tries a few inputs that hypothesis draws.
"""

import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.fuzzing.targets import TARGETS

CACHE = Path(".cache/fuzz")
RESULTS = Path("benchmarks/results/fuzz.md")
DEFAULT_SECONDS = 120.0


def main(arguments: list[str]) -> int:
    """Fuzz, print a line a target, write the table; returns the number of findings."""
    seconds = float(arguments[0]) if arguments else DEFAULT_SECONDS
    rows: list[dict[str, Any]] = []
    for target in arguments[1:] or TARGETS:
        rows.append(fuzz(target, seconds))
        RESULTS.write_text(as_page(rows, seconds))  # each time: what was done stays done
    return sum(bool(row["finding"]) for row in rows)


def fuzz(target: str, seconds: float) -> dict[str, Any]:
    """Fuzz one target in a process of its own, which a finding may take down."""
    corpus = CACHE / target
    corpus.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "tests.fuzzing.engine", target, str(corpus), str(seconds)]
    with (CACHE / f"{target}.log").open("wb") as log:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, check=False)
    lines = [line for line in done.stdout.decode(errors="replace").splitlines() if line.startswith('{"executions"')]
    row: dict[str, Any] = json.loads(lines[-1]) if lines else {"executions": 0, "finding": ""}
    row |= {"target": target, "seconds": time.monotonic() - began, "corpus": sum(1 for _ in corpus.iterdir())}
    if done.returncode and not row["finding"]:
        row["finding"] = f"exit status {done.returncode}: see {CACHE / target}.log"
    print(f"{target}: {row['executions']:,} executions in {row['seconds']:.0f} s{row['finding'] and ', FINDING'}")
    if row["finding"]:
        print(row["finding"])
    return row


def as_page(rows: list[dict[str, Any]], seconds: float) -> str:
    """The table, with what made it."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    lines = [
        "# Fuzzing the readers of untrusted input",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip()}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, which other work may share; "
        f"`python -m tests.fuzzing {seconds:g}` (`make fuzz`). What a target may raise and must hold stands in "
        "tests/fuzzing/targets.py; anything else, a crash, 20 s or 2 GiB for one input is a finding.",
        "",
        "| target | seconds | executions | inputs kept | findings |",
        "|---|---:|---:|---:|---|",
    ]
    for row in rows:
        found = row["finding"].strip().splitlines()[-1] if row["finding"] else "none"
        counts = f"{row['seconds']:.0f} | {row['executions']:,} | {row['corpus']:,}"
        lines.append(f"| {row['target']} | {counts} | {found} |")
    total = sum(row["executions"] for row in rows)
    lines += ["", f"{total:,} executions in {sum(row['seconds'] for row in rows) / 60:.0f} minutes."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
