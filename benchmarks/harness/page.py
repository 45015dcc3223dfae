"""Result pages in Markdown: a title, the command, when and on what it ran, then tables and text."""

import platform
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

RESULTS = Path("benchmarks/results")


def write_page(name: str, title: str, command: str, *parts: str, ran: str = "") -> None:
    """Write benchmarks/results/NAME.md and print it; `ran` says more about how it ran, e.g. "1 thread"."""
    stamp = f"{machine()}, {ran}" if ran else machine()
    text = "\n\n".join(part.strip() for part in (f"# {title}", f"`{command}`", stamp, *parts) if part.strip())
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.md").write_text(f"{text}\n")
    print(text, flush=True)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def machine() -> str:
    """When, at which commit and on what a benchmark runs, and how busy the machine is."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    memory = psutil.virtual_memory().total / 2**30
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return (
        f"{datetime.now(UTC).date()}, commit {commit.strip()}, {psutil.cpu_count()} cores of {model}, "
        f"{memory:.0f} GiB, load average {psutil.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    )
