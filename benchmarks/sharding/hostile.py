"""`python -m benchmarks.sharding.hostile`: the odd and broken images that others collected, every one accounted for.

Pillow's own test images come with its source package, openclipart-png from Debian. Every settings line is a run of
`python -m shards` of its own; the table goes to benchmarks/results/sharding-hostile.md. Exit status 1 when a run
failed, lost a file, had a decoder killed by a crash or a hang, or took a gigabyte; with the rules raised as far as
they go, memory_limit_mb alone holds memory down, and each of the two decoders may take its gigabyte.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.sharding.__main__ import machine
from benchmarks.sharding.measure import Cost, measure
from benchmarks.sharding.sources import CACHE, unpacked

_RESULT = Path("benchmarks/results/sharding-hostile.md")
_HEAD = (
    "| collection | settings | files | kept | duplicates | refused | crashes, hangs | wall s | peak MB |\n" + "|---" * 9
)
_PILLOW = "12.0.0"
_MOST_MB, _MOST_MB_RAISED = 1024, 2 * 1024
_NOTE = (
    "The last settings of each collection raise the rules on pixels and expansion: a picture of 20,990 x 29,700 is\n"
    "tried. What holds memory down is then memory_limit_mb alone, 1024 for each of two decoders."
)
_DEATHS = ("decoder_died", "timed_out")
_SETTINGS = (
    "--resolution 64",
    "--encoding original --shape as_is --duplicates near --frames all",
    "--resolution 32 --channels 1 --shape fit --encoding png --max-pixels 700000000 --max-expansion 10000000 "
    "--min-side 1 --max-aspect 100000",
)


def main() -> int:
    """Run every collection with every settings line and keep the table."""
    lines, reasons, fine = [machine(), "", f"{_HEAD}|"], [], True
    print("\n".join(lines), flush=True)
    for name, source in (("Pillow's test images", _pillow_images()), ("openclipart-png", _clipart())):
        for settings in _SETTINGS:
            cost, outcome = _run(source, settings)
            files = _num_files(source)
            most_mb = _MOST_MB_RAISED if "--max-pixels" in settings else _MOST_MB
            fine &= _is_fine(cost, outcome, files, most_mb)
            lines.append(_row(name, settings, cost, outcome, files))
            reasons.append(f"- {name}, `{settings}`: {_told(outcome)}")
            print(lines[-1], flush=True)
    head = "# Sharding: odd and broken images\n\n`python -m benchmarks.sharding.hostile`\n\n"
    _RESULT.write_text(head + "\n".join([*lines, "", _NOTE, "", "Refused, by reason:", "", *reasons]) + "\n")
    return 0 if fine else 1


def _run(source: Path, settings: str) -> tuple[Cost, dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="bench-hostile-") as folder:
        command = [sys.executable, "-m", "shards", str(source), f"{folder}/root", "--dataset", "hostile"]
        log = Path(folder, "log")
        cost = measure([*command, "--labels", "none", *settings.split()], log)
        last = log.read_text().splitlines()[-1]
        return cost, json.loads(last) if cost.status == 0 else {}


def _is_fine(cost: Cost, outcome: dict[str, Any], files: int, most_mb: int) -> bool:
    return outcome.get("seen") == files and cost.peak_mb < most_mb and not _num_deaths(outcome)


def _num_deaths(outcome: dict[str, Any]) -> int:
    return sum(outcome["reasons"].get(code, 0) for code in _DEATHS) if outcome else 0


def _row(name: str, settings: str, cost: Cost, outcome: dict[str, Any], files: int) -> str:
    if not outcome:
        return f"| {name} | `{settings}` | {files} | failed with status {cost.status} | | | | | |"
    counts = " | ".join(str(outcome[key]) for key in ("kept", "duplicates", "quarantined"))
    cells = f"{files} | {counts} | {_num_deaths(outcome)} | {cost.wall_seconds:.0f} | {cost.peak_mb:.0f}"
    return f"| {name} | `{settings}` | {cells} |"


def _told(outcome: dict[str, Any]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in outcome.get("reasons", {}).items()) or "none"


def _num_files(source: Path) -> int:
    return sum(path.is_file() and not path.name.startswith(".") for path in source.rglob("*"))


def _pillow_images() -> Path:
    folder = CACHE / "pillow-src" / f"pillow-{_PILLOW}"
    if not folder.exists():
        target = folder.parent
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--dest", str(target)]
        subprocess.run([*command, f"pillow=={_PILLOW}"], check=True)
        subprocess.run(["tar", "-xzf", str(next(target.glob("*.tar.gz"))), "-C", str(target)], check=True)
    return folder / "Tests" / "images"


def _clipart() -> Path:
    return unpacked("openclipart-png") / "usr" / "share" / "openclipart" / "png"


if __name__ == "__main__":
    sys.exit(main())
