"""`python -m benchmarks.sharding.hostile`: the odd and broken images that others collected, every one accounted for.

Pillow's own test images come with its source package, openclipart-png from Debian. Each line of settings is a run of
`python -m shards`; the table goes to benchmarks/results/sharding-hostile.md. Exit status 1 when a run failed, lost a
file, had a decoder killed by a crash or a hang, or took too much memory.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.collections.cache import CACHE, unpacked
from benchmarks.harness.cost import Cost, measure
from benchmarks.harness.page import table, write_page

_HEAD = ["collection", "settings", "files", "kept", "duplicates", "refused", "crashes, hangs", "wall s", "peak MB"]
_PILLOW = "12.0.0"
_NOTE = (
    "The last settings of each collection raise the rules on pixels and expansion: a picture of 20,990 x 29,700 is\n"
    "tried. What holds memory down is then memory_limit_mb alone, 1024 for each of two decoders."
)
_DEATHS = ("decoder_died", "timed_out")
# Settings, and the most memory that a run with them may take.
_SETTINGS = {
    "--resolution 64": 1024,
    "--encoding original --shape as_is --duplicates near --frames all": 1024,
    "--resolution 32 --channels 1 --shape fit --encoding png --max-pixels 700000000 --max-expansion 10000000 "
    "--min-side 1 --max-aspect 100000": 2048,
}


class Run(NamedTuple):
    """One collection with one line of settings; `outcome` is empty where the run failed."""

    collection: str
    settings: str
    files: int
    cost: Cost
    outcome: dict[str, Any]

    @property
    def deaths(self) -> int:
        return sum(self.reasons.get(code, 0) for code in _DEATHS)

    @property
    def reasons(self) -> dict[str, int]:
        return dict(self.outcome.get("reasons", {}))

    @property
    def fine(self) -> bool:
        within = self.cost.peak_mb < _SETTINGS[self.settings]
        return self.outcome.get("seen") == self.files and within and not self.deaths

    def cells(self) -> list[object]:
        if not self.outcome:
            return [self.collection, self.settings, self.files, f"failed with status {self.cost.status}", *[""] * 5]
        counts = (self.outcome[key] for key in ("kept", "duplicates", "quarantined"))
        cost = (f"{self.cost.wall_seconds:.0f}", f"{self.cost.peak_mb:.0f}")
        return [self.collection, f"`{self.settings}`", self.files, *counts, self.deaths, *cost]

    def told(self) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.reasons.items()) or "none"
        return f"- {self.collection}, `{self.settings}`: {reasons}"


def main() -> int:
    """Run every collection with every line of settings and keep the table."""
    clipart = unpacked("openclipart-png") / "usr" / "share" / "openclipart" / "png"
    collections = {"Pillow's test images": _pillow_images(), "openclipart-png": clipart}
    runs = [_run(name, source, settings) for name, source in collections.items() for settings in _SETTINGS]
    refused = "Refused, by reason:\n\n" + "\n".join(run.told() for run in runs)
    command = "python -m benchmarks.sharding.hostile"
    rows = table(_HEAD, [run.cells() for run in runs])
    write_page("sharding-hostile", "Sharding: odd and broken images", command, rows, _NOTE, refused)
    return 0 if all(run.fine for run in runs) else 1


def _run(name: str, source: Path, settings: str) -> Run:
    files = sum(path.is_file() and not path.name.startswith(".") for path in source.rglob("*"))
    with tempfile.TemporaryDirectory(prefix="bench-hostile-") as folder:
        command = [sys.executable, "-m", "shards", str(source), f"{folder}/root", "--dataset", "hostile"]
        log = Path(folder, "log")
        cost = measure([*command, "--labels", "none", *settings.split()], log)
        last = log.read_text().splitlines()[-1]
    run = Run(name, settings, files, cost, json.loads(last) if cost.status == 0 else {})
    print(run.cells(), flush=True)
    return run


def _pillow_images() -> Path:
    folder = CACHE / "pillow-src" / f"pillow-{_PILLOW}"
    if not folder.exists():
        target = folder.parent
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--dest", str(target)]
        subprocess.run([*command, f"pillow=={_PILLOW}"], check=True)
        subprocess.run(["tar", "-xzf", str(next(target.glob("*.tar.gz"))), "-C", str(target)], check=True)
    return folder / "Tests" / "images"


if __name__ == "__main__":
    sys.exit(main())
