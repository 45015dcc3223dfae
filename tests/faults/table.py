"""What became of each fault, written as the tests run, so that a run that is cut short leaves what it saw."""

import os
import platform
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Row:
    """One fault, on one kind of storage."""

    fault: str
    on: str
    happened: str
    seconds: float
    passed: bool

    def line(self) -> str:
        cells = (self.fault, self.on, self.happened, f"{self.seconds:.0f}", "yes" if self.passed else "**no**")
        return f"| {' | '.join(' '.join(cell.split()).replace('|', '/') for cell in cells)} |"


@dataclass
class Table:
    """The rows so far, and the file that shows them; without a path it keeps them to itself.

    What the file had from its first heading of the second level on (other measurements, remarks) stays below the rows.
    """

    path: str | None
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Add a row and write the file anew."""
        self.rows.append(row)
        if self.path:
            path = Path(self.path)
            _, heading, kept = path.read_text().partition("\n## ") if path.exists() else ("", "", "")
            path.write_text(self.text() + heading + kept)

    def text(self) -> str:
        """The file: what was run where, then a line a fault."""
        failed = sum(not row.passed for row in self.rows)
        return "\n".join(
            [
                "# Faults: what was broken, and what became of it",
                "",
                "`make test-faults`: every row is a test in tests/faults, with real processes, signals and servers.",
                "",
                f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit()}, {machine()}, "
                f"Python {platform.python_version()}",
                "",
                f"Load average at the end {os.getloadavg()[0]:.1f}. {len(self.rows)} rows, {failed} failed, "
                f"{sum(row.seconds for row in self.rows):.0f} s.",
                "",
                "| fault | state kept in | what happened | seconds | as it should |",
                "|---|---|---|---|---|",
                *(row.line() for row in self.rows),
                "",
            ]
        )


def commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def machine() -> str:
    """Cores, processor and memory."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {' '.join(name.split()[:2])}, {gib:.0f} GiB"
