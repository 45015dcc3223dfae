"""`python -m benchmarks.sharding`: one table, all contenders in one run on the same images, two processes each.

The others are installed on the first run, into .cache/bench; a contender that cannot be installed gets a row that
says so.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

from benchmarks.collections.emoji import pictures
from benchmarks.collections.photos import photographs, textures
from benchmarks.harness.cost import Cost, measure
from benchmarks.harness.page import table, write_page
from benchmarks.sharding.contenders import contenders, file_server
from benchmarks.sharding.environments import PACKAGES, CannotInstallError, programs
from benchmarks.sharding.startup import flow_seconds

_HEAD = ["collection", "program", "CPU s", "wall s", "images/s", "peak MB", "CPU against hand-written"]
# img2dataset would else ask the network for news.
_ENVIRONMENT = os.environ | {"NO_ALBUMENTATIONS_UPDATE": "1"}


def main() -> None:
    """Run everything and write benchmarks/results/sharding.md."""
    for name in PACKAGES:  # nothing is installed between two measurements
        with suppress(CannotInstallError):
            programs(name)
    collections = (("photographs", photographs(), 256), ("textures", textures(), 64), ("emoji", pictures(), None))
    rows = [row for collection in collections for row in _rows(*collection)]
    with tempfile.TemporaryDirectory(prefix="bench-sharding-") as folder:
        startup = flow_seconds(pictures(), Path(folder))
    write_page("sharding", "Sharding: ours beside others", "make bench-sharding", table(_HEAD, rows), startup)


def _rows(name: str, source: Path, resolution: int | None) -> Iterator[list[str]]:
    files = list(source.iterdir())
    for path in files:
        path.read_bytes()  # everybody reads from the page cache, also the first contender
    what = f"{len(files)} {name} " + (f"to {resolution}" if resolution else "passed through")
    target = Path(tempfile.mkdtemp(prefix="bench-sharding-"))
    costs: dict[str, Cost] = {}
    try:
        for one in contenders(source, resolution, target):
            if one.missing:
                yield [what, one.name, one.missing, *[""] * 4]
                continue
            with file_server(source) if one.needs_server else nullcontext():
                costs[one.name] = measure(one.command, target / "log", _ENVIRONMENT)
            print(what, one.name, costs[one.name], flush=True)
    finally:
        shutil.rmtree(target)
    base = next((cost for key, cost in costs.items() if key.startswith("hand-written")), None)
    yield from ([what, key, *_cells(cost, len(files), base)] for key, cost in costs.items())


def _cells(cost: Cost, count: int, base: Cost | None) -> list[str]:
    if cost.status:
        return [f"failed with status {cost.status}", *[""] * 4]
    share = f"{cost.cpu_seconds / base.cpu_seconds:.2f}" if base else ""
    figures = (f"{cost.cpu_seconds:.1f}", f"{cost.wall_seconds:.1f}", f"{count / cost.wall_seconds:.0f}")
    return [*figures, f"{cost.peak_mb:.0f}", share]


if __name__ == "__main__":
    main()
