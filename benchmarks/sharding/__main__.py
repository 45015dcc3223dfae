"""`python -m benchmarks.sharding`: one table, all contenders in one run on the same images, two processes each.

img2dataset and litdata take part when their environments are there:
`python -m venv .cache/bench/img2dataset-venv && .cache/bench/img2dataset-venv/bin/pip install img2dataset`,
and the same with litdata.
"""

import platform
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.sharding.contenders import contenders, file_server
from benchmarks.sharding.measure import Cost, measure
from benchmarks.sharding.sources import emoji, photographs, textures

_RESULT = Path("benchmarks/results/sharding.md")
_HEAD = "| collection | program | CPU s | wall s | images/s | peak MB | CPU against hand-written |\n" + "|---" * 7 + "|"


def main() -> None:
    """Run everything, print the table and keep it under benchmarks/results."""
    lines = [_machine(), "", _HEAD]
    print("\n".join(lines), flush=True)
    for source, resolution in ((photographs(), 256), (textures(), 64), (emoji(), None)):
        for line in _rows(source, resolution):
            print(line, flush=True)
            lines.append(line)
    _RESULT.parent.mkdir(parents=True, exist_ok=True)
    _RESULT.write_text("# Sharding: ours beside others\n\n`make bench-sharding`\n\n" + "\n".join(lines) + "\n")


def _rows(source: Path, resolution: int | None) -> list[str]:
    count = len(list(source.iterdir()))
    what = f"{count} {source.name} " + (f"to {resolution}" if resolution else "passed through")
    target = Path(tempfile.mkdtemp(prefix="bench-sharding-"))
    for path in source.iterdir():
        path.read_bytes()  # everybody reads from the page cache, also whoever comes first
    try:
        costs: dict[str, Cost] = {}
        for contender in contenders(source, resolution, target):
            if contender.needs_server:
                with file_server(source):
                    costs[contender.name] = measure(contender.command, target / "log")
            else:
                costs[contender.name] = measure(contender.command, target / "log")
        return [_row(what, name, cost, count, costs) for name, cost in costs.items()]
    finally:
        shutil.rmtree(target)


def _row(what: str, name: str, cost: Cost, count: int, costs: dict[str, Cost]) -> str:
    if cost.status:
        return f"| {what} | {name} | failed with status {cost.status} | | | | |"
    base = next((other for key, other in costs.items() if key.startswith("hand-written")), None)
    share = f"{cost.cpu_seconds / base.cpu_seconds:.2f}" if base else ""
    rate = count / cost.wall_seconds
    figures = f"{cost.cpu_seconds:.1f} | {cost.wall_seconds:.1f} | {rate:.0f} | {cost.peak_mb:.0f} | {share}"
    return f"| {what} | {name} | {figures} |"


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    day = datetime.now(UTC).date()
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    return f"{day}, {psutil.cpu_count()} cores of {model}, {memory:.0f} GiB, Python {platform.python_version()}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
