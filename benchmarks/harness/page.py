"""Result pages in Markdown: a title, the command, when and on what it ran, then tables and text."""

import platform
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

RESULTS = Path("benchmarks/results")


def write_page(name: str, title: str, command: str, *parts: str, ran: str = "", stamp: str = "") -> None:
    """Write benchmarks/results/NAME.md and print it; `ran` says more about how it ran, e.g. "1 thread".

    `stamp` says when and where it ran, if not here and now.
    """
    stamp = stamp or machine()
    stamp = f"{stamp}, {ran}" if ran else stamp
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
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{datetime.now(UTC).date()}, commit {commit()}, {psutil.cpu_count()} cores of {processor()}, "
        f"{memory:.0f} GiB, load average {psutil.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    )


def commit(folder: str = "") -> str:
    """The short name of the present commit, or of the content that a folder has in it; empty outside a repository."""
    if not shutil.which("git"):
        return ""
    name = f"HEAD:{folder}" if folder else "HEAD"
    found = subprocess.run(["git", "rev-parse", "--short", name], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def processor() -> str:
    """The model of this machine's processor."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
