"""`make speedrun`: emoji of 64x64 from nothing to a fixed score of the second judge, in seconds of CPU or GPU time.

`python -m benchmarks.speedrun --record "what changed"` runs the task with the settings in benchmarks/speedrun/task.py
and adds a line to benchmarks/results/speedrun.md. Without --record it only prints. A stopped attempt goes on where it
was. `--smoke --out FOLDER` shows in some seconds that everything runs. `--settings JSON` tries other settings, which
become those of the record by editing task.py.
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.collections.cache import CACHE
from benchmarks.collections.carried import opened, unpacked
from benchmarks.harness.page import RESULTS, commit, processor, table
from benchmarks.speedrun.run import Attempt, attempt, reached
from benchmarks.speedrun.task import EMOJI, SCORE, SETTINGS, SMOKE_SETTINGS, TARGET, smoke
from models.compute.device import prepare, select_device
from models.compute.draws import mixed_seed

ABOUT = f"""One fixed task: emoji at 64x64 (3,381 training images, ten classes), from random weights, until 1,000 images
of the averaged generator score {SCORE} {TARGET:g} or less against the val split at 112 pixels. That is five times what
1,000 real training images score. The training is scored every {EMOJI.every:,} images with the clock stopped, so records
differ in steps of that size. On a CPU the clock is CPU time of one thread, which other programs change little; on a GPU
it is the time of day. The judge is MobileNetV2, which no training uses; choosing settings by this score makes them
look a little better than they are.

A record changes `SETTINGS` in benchmarks/speedrun/task.py or the product, and is made with
`make speedrun RECORD="what changed"`. Each line is one seed."""


def main() -> None:
    """Run the task, and add the record if it is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", default="", help="what changed since the last record; adds a line to the page")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--smoke", action="store_true", help="a tiny task on noise")
    parser.add_argument("--settings", type=json.loads, default={}, metavar="JSON", help="settings to try instead")
    parser.add_argument("--datasets", type=Path, metavar="FILE", help="collections in an archive; default: fetched")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the page")
    given = parser.parse_args()
    task = smoke(given.out) if given.smoke else EMOJI
    settings: dict[str, Any] = SMOKE_SETTINGS if given.smoke else given.settings or SETTINGS
    if given.datasets:
        prebuilt = unpacked(given.datasets, CACHE / "carried")
        task = task._replace(open_dataset=lambda: opened("emoji", prebuilt))
    settings = settings | {"compute": {**settings.get("compute", {}), "device": given.device}}
    config = task.config(settings, given.threads)
    prepare(config.compute, select_device(given.device))
    root = given.out if given.smoke else CACHE
    # An attempt belongs to its settings and to the code of models/ that it began with.
    folder = root / "speedrun" / f"{task.name}-{commit('models')}-{mixed_seed(*config.model_dump_json().encode()):016x}"
    folder.mkdir(parents=True, exist_ok=True)
    found = attempt(task, config, folder)
    if not reached(found, task):
        newest = found["curve"][-1][SCORE]
        print(f"not reached: {SCORE} is {newest:.1f} after {task.most:,} images, expected {task.target:g} or less")
        return
    record = record_of(found, given.record, given.threads)
    spent = f"{record['seconds']:,.1f} s of {record['clock']} time"
    print(f"reached: {SCORE} is {record[SCORE]:g} after {record['nimg']:,} images and {spent} on {record['device']}")
    if given.record:
        add_record(given.out, record)


def record_of(found: Attempt, change: str, threads: int) -> dict[str, Any]:
    """The line of a record."""
    last = found["curve"][-1]
    on_cpu = found["device"] == "CPU"
    return {
        "date": str(datetime.now(UTC).date()),
        "commit": commit(),
        "device": f"{processor()}, {threads} thread(s)" if on_cpu else found["device"],
        "clock": "CPU" if on_cpu else "GPU",
        "torch": torch.__version__,
        "seconds": round(last["seconds"], 1),
        "nimg": last["nimg"],
        SCORE: round(last[SCORE], 1),
        "change": change,
    }


def add_record(folder: Path, record: dict[str, Any]) -> None:
    """Add a record to speedrun.jsonl, and write the page of all of them."""
    lines = folder / "speedrun.jsonl"
    with lines.open("a") as file:
        file.write(json.dumps(record) + "\n")
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    best: dict[str, float] = {}
    rows = []
    for one in records:
        before = best.get(one["clock"])
        faster = "first" if before is None else f"{100 * (one['seconds'] / before - 1):+.0f} %"
        best[one["clock"]] = min(one["seconds"], before or one["seconds"])
        seconds = f"{one['seconds']:,.0f} s of {one['clock']} time"
        what = f"{one['device']}, torch {one['torch']}"
        rows.append([one["date"], one["commit"], seconds, faster, f"{one['nimg']:,}", one[SCORE], one["change"], what])
    head = ["date", "commit", "to the target", "against the best before", "images seen", SCORE, "what changed", "on"]
    (folder / "speedrun.md").write_text(f"# Speedrun\n\n`make speedrun`\n\n{ABOUT}\n\n{table(head, rows)}\n")


if __name__ == "__main__":
    main()
