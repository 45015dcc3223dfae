"""`python -m tests.processors [--only NAME/THREADS] [PATH ...]`: the suite, or the paths, as on other processors.

The numerical libraries choose their routines by what the processor can do. The routines add in different orders, so the
last bits of sums and products differ. Here the suite runs with three choices, each with one thread and with two.
`--only SSE4/2` makes one of the six runs. Writes benchmarks/results/processors.md. Returns 1 if a test failed anywhere.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

RESULTS = Path("benchmarks/results/processors.md")
THREADS = (1, 2)
LIKE_MAKE_TEST = ("--numprocesses", "2", "--dist", "loadfile", "--no-loadscope-reorder")
# What numpy found beyond its baseline, in numpy's own names, which differ between its versions.
FOUND: list[str] = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
BEYOND_AVX2 = [name for name in FOUND if name == "X86_V4" or "AVX512" in name]
PROCESSORS = {
    "as found": {},
    "SSE4": {
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "NPY_DISABLE_CPU_FEATURES": " ".join(FOUND),
    },
    "AVX2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "NPY_DISABLE_CPU_FEATURES": " ".join(BEYOND_AVX2),
    },
}
RUNS = [f"{processor}/{threads}" for processor in PROCESSORS for threads in THREADS]
CHOICES = {name for choice in PROCESSORS.values() for name in choice}
# Prints the hash of a product of matrices too: if it is the same everywhere, the choice had no effect on OpenBLAS.
PROBE = """
import hashlib
import numpy as np, torch
from threadpoolctl import threadpool_info
kernels = {pool["architecture"] for pool in threadpool_info() if pool["internal_api"] == "openblas"}
numbers = np.random.default_rng(0).normal(size=(301, 400))
kept = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
print(torch.backends.cpu.get_cpu_capability(), "/".join(sorted(kernels)), kept[-1] if kept else "baseline", sep=", ")
print(hashlib.sha256((numbers.T @ numbers).tobytes()).hexdigest()[:8])
"""


@dataclass(frozen=True)
class Row:
    """What one run of the tests gave."""

    processor: str
    threads: int
    chosen: str
    passed: int
    skipped: int
    failed: list[str]
    seconds: float

    def line(self) -> str:
        """For the terminal."""
        counts = f"{self.passed} passed, {len(self.failed)} failed, {self.skipped} skipped"
        return f"{self.processor} ({self.chosen}), {self.threads} threads: {counts}, {self.seconds:.0f} s"


def main(paths: list[str], only: list[str]) -> int:
    """Run everything, print a line a run and the names of failed tests, write the table."""
    if platform.machine() not in ("x86_64", "AMD64"):
        print(f"this processor is {platform.machine()}; the choices here are for x86-64")
        return 1
    rows: list[Row] = []
    for name in only or RUNS:
        processor, threads = name.split("/")
        rows.append(run(processor, int(threads), paths))
        print(rows[-1].line(), *rows[-1].failed, sep="\n  ", flush=True)
        RESULTS.write_text(as_page(rows, paths))  # each time: what was done stays done
    return int(any(row.failed for row in rows))


def run(processor: str, threads: int, paths: list[str]) -> Row:
    """Run pytest in a process with the libraries' choices in its environment, which its own children inherit."""
    environment = {name: value for name, value in os.environ.items() if name not in CHOICES}
    environment |= PROCESSORS[processor] | {"OMP_NUM_THREADS": str(threads)}
    probe = subprocess.run([sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, check=True)
    chosen, product = probe.stdout.splitlines()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", *LIKE_MAKE_TEST, f"--junitxml={report}", *(paths or ["tests"])]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if not report.exists():
            raise SystemExit(f"pytest ended with status {done.returncode} and no report:\n{done.stdout}{done.stderr}")
        cases = list(ET.parse(report).getroot().iter("testcase"))
    failed = [full_name(case) for case in cases if case.find("failure") is not None or case.find("error") is not None]
    if failed:
        print(done.stdout[-20_000:])
    skipped = sum(case.find("skipped") is not None for case in cases)
    passed = len(cases) - skipped - len(failed)
    return Row(processor, threads, f"{chosen}, {product}", passed, skipped, failed, time.monotonic() - began)


def full_name(case: ET.Element) -> str:
    """The test as people name it."""
    return f"{case.get('classname')}.{case.get('name')}"


def as_page(rows: list[Row], paths: list[str]) -> str:
    """The table, with what made it."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    what = f"Only a part of the suite: {', '.join(paths)}." if paths else "The whole suite."
    lines = [
        "# The tests under other processors' arithmetic",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip()}, Python {platform.python_version()}, "
        f"numpy {np.__version__}, {os.cpu_count()} cores; `python -m tests.processors {' '.join(paths)}`.".replace(
            " `.", "`."
        ),
        "",
        f"**{what}**",
        "",
        "| processor | torch, OpenBLAS, numpy | hash of a product | threads | passed | failed | skipped | seconds |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        chosen, product = row.chosen.rsplit(", ", 1)
        counts = f"{row.passed} | {len(row.failed)} | {row.skipped} | {row.seconds:.0f}"
        lines.append(f"| {row.processor} | {chosen} | {product} | {row.threads} | {counts} |")
    lines += ["", *(f"- {row.processor}, {row.threads} threads: {test} failed" for row in rows for test in row.failed)]
    lines += [
        f"- {processor}: `{' '.join(f'{key}={value!r}' for key, value in choice.items())}`"
        for processor, choice in PROCESSORS.items()
        if choice
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.processors", description=__doc__)
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--only", action="append", default=[], choices=RUNS)
    arguments = parser.parse_args()
    sys.exit(main(arguments.paths, arguments.only))
