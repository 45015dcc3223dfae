"""`python -m benchmarks.sharding`: one table, all contenders in one run on the same images, two processes each.

The others are installed on the first run, into .cache/bench; who cannot be has a row that says so.
"""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.sharding.contenders import contenders, file_server
from benchmarks.sharding.environments import PACKAGES, CannotInstallError, programs
from benchmarks.sharding.measure import Cost, measure
from benchmarks.sharding.sources import emoji, photographs, textures
from benchmarks.sharding.startup import flow_seconds

_RESULT = Path("benchmarks/results/sharding.md")
_HEAD = "| collection | program | CPU s | wall s | images/s | peak MB | CPU against hand-written |\n" + "|---" * 7 + "|"


def main() -> None:
    """Run everything, print the table and keep it under benchmarks/results."""
    for name in PACKAGES:  # the table comes without a break once it begins
        with suppress(CannotInstallError):
            programs(name)
    lines = [machine(), "", _HEAD]
    collections = ((photographs(), 256), (textures(), 64), (emoji(), None))
    print("\n".join(lines), flush=True)
    for source, resolution in collections:
        for line in _rows(source, resolution):
            print(line, flush=True)
            lines.append(line)
    with tempfile.TemporaryDirectory(prefix="bench-sharding-") as folder:
        lines += ["", flow_seconds(emoji(), Path(folder))]
    print("\n".join(lines[-2:]), flush=True)
    _RESULT.parent.mkdir(parents=True, exist_ok=True)
    _RESULT.write_text("# Sharding: ours beside others\n\n`make bench-sharding`\n\n" + "\n".join(lines) + "\n")


def _rows(source: Path, resolution: int | None) -> Iterator[str]:
    count = len(list(source.iterdir()))
    what = f"{count} {source.name} " + (f"to {resolution}" if resolution else "passed through")
    target = Path(tempfile.mkdtemp(prefix="bench-sharding-"))
    for path in source.iterdir():
        path.read_bytes()  # everybody reads from the page cache, also whoever comes first
    try:
        costs: dict[str, Cost] = {}
        missing: dict[str, str] = {}
        for contender in contenders(source, resolution, target):
            if contender.missing:
                missing[contender.name] = contender.missing
                continue
            with file_server(source) if contender.needs_server else nullcontext():
                costs[contender.name] = measure(contender.command, target / "log", _environment())
        yield from (_row(what, name, cost, count, costs) for name, cost in costs.items())
        yield from (f"| {what} | {name} | {why} | | | | |" for name, why in missing.items())
    finally:
        shutil.rmtree(target)


def _environment() -> dict[str, str]:
    return os.environ | {"NO_ALBUMENTATIONS_UPDATE": "1"}  # img2dataset would else ask the network for news


def _row(what: str, name: str, cost: Cost, count: int, costs: dict[str, Cost]) -> str:
    if cost.status:
        return f"| {what} | {name} | failed with status {cost.status} | | | | |"
    base = next((other for key, other in costs.items() if key.startswith("hand-written")), None)
    share = f"{cost.cpu_seconds / base.cpu_seconds:.2f}" if base else ""
    rate = count / cost.wall_seconds
    figures = f"{cost.cpu_seconds:.1f} | {cost.wall_seconds:.1f} | {rate:.0f} | {cost.peak_mb:.0f} | {share}"
    return f"| {what} | {name} | {figures} |"


def machine() -> str:
    """Say when, at which commit and on what a benchmark ran."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    memory = psutil.virtual_memory().total / 2**30
    day = datetime.now(UTC).date()
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    hardware = f"{psutil.cpu_count()} cores of {model}, {memory:.0f} GiB"
    return f"{day}, commit {commit.strip()}, {hardware}, Python {platform.python_version()}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
