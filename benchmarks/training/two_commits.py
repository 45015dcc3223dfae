"""A training step of two commits beside each other: `python -m benchmarks.training.two_commits BEFORE AFTER [ROUNDS]`.

Each commit's models/ runs in a process of its own on one thread of the CPU. The processes take their steps in turn, so
that a busy machine is as busy for both. CPU time is measured, and how many operators a step calls: on a GPU the host
launches each of them. Writes benchmarks/results/training-steps.md.
"""

import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.harness.page import table, write_page

ROUNDS = 12
STEPPER = Path(__file__).with_name("stepper.py")
Found = dict[str, dict[str, list[float]]]


def main(before: str, after: str, rounds: int = ROUNDS) -> None:
    """Measure both commits and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        steppers = {commit: start(commit, Path(folder) / commit) for commit in (before, after)}
        operators = {commit: ask(stepper, "operators") for commit, stepper in steppers.items()}
        found: Found = defaultdict(lambda: defaultdict(list))
        for number in range(rounds):
            for case in operators[before]:
                for commit in (before, after) if number % 2 == 0 else (after, before):
                    found[case][commit].append(ask(steppers[commit], case))
        for stepper in steppers.values():
            stepper.communicate("")
    head = ["training", f"ms at {before}", f"ms at {after}", "ratio", f"operators at {before}", f"operators at {after}"]
    rows = [
        [
            case,
            *(f"{statistics.median(found[case][commit]):.1f}" for commit in (before, after)),
            f"{ratio(found[case], before, after):.3f}",
            *(f"{operators[commit][case]:.0f}" for commit in (before, after)),
        ]
        for case in operators[before]
    ]
    text = (
        f"Milliseconds of CPU time of one step, median of {rounds} rounds in which both commits take turns; the ratio "
        "is the median of the rounds' ratios. Operators are those that PyTorch dispatches in one step."
    )
    command = f"python -m benchmarks.training.two_commits {before} {after} {rounds}"
    write_page("training-steps", "A training step before and after", command, text, table(head, rows), ran="1 thread")


def ratio(found: dict[str, list[float]], before: str, after: str) -> float:
    return statistics.median(new / old for old, new in zip(found[before], found[after], strict=True))


def start(commit: str, folder: Path) -> "subprocess.Popen[str]":
    """A process that takes steps with models/ as it was at `commit`."""
    archive = subprocess.run(["git", "archive", commit, "models"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command, pipe = [sys.executable, str(STEPPER)], subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True)


def ask(stepper: "subprocess.Popen[str]", question: str) -> Any:
    assert stepper.stdin is not None
    assert stepper.stdout is not None
    stepper.stdin.write(f"{question}\n")
    stepper.stdin.flush()
    return json.loads(stepper.stdout.readline())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
