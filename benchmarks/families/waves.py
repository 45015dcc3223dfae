"""Trains families side by side, one collection after another: `python -m benchmarks.families --train`.

This process imports torch but never uses the GPU: each training is forked from it and gets a CUDA context of its own.
Nothing can hang: every process has a limit, after which its group is killed.
"""

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

# The first step of an optimiser imports it: here it is imported once instead of in each process.
import torch._dynamo

from benchmarks.collections.carried import opened, unpacked
from benchmarks.collections.sharded import COLLECTIONS
from benchmarks.families.jobs import PENALTIES, PENALTIES_ON, Job, job, long_job
from benchmarks.families.judging import Decoded
from benchmarks.families.packing import pack
from benchmarks.families.process import ROWS, Place, measure_references, run, train_beside, train_long
from benchmarks.harness.page import machine

FORK = multiprocessing.get_context("fork")
LEAST_SECONDS = 10.0  # for the scores of a wave; with less left, it does not begin
PACKING_SECONDS = 5.0
PRINTED = ("FD-MobileNetV2", "recall-MobileNetV2", "FD-EffNetLite0", "memorised")
NO_LIMIT = 7 * 86_400.0


class Waves:
    """All processes of one run, and the time that is left to them."""

    def __init__(self, place: Place, given: Namespace) -> None:
        self.place = place
        self.seconds: float = given.seconds
        self.margin: float = given.margin
        self.is_limited = bool(given.limit)
        self.end = time.monotonic() + (given.limit or NO_LIMIT)
        self.long_end = self.end - given.reserve
        self.is_over = FORK.Event()
        self.long: dict[str, ForkProcess] = {}
        self._started: list[ForkProcess] = []

    def left(self) -> float:
        return self.end - PACKING_SECONDS - time.monotonic()

    def start(self, name: str, body: Callable[..., None], *arguments: Any) -> ForkProcess:
        log = self.place.work / "logs" / f"{name}.log"
        process = FORK.Process(target=run, args=(name, log, self.place, body, arguments))
        process.start()
        self._started.append(process)
        return process

    def start_long(self, one: Job, collection: Decoded) -> None:
        """Start a training that runs beside all waves."""

        def is_over(spent: float) -> bool:
            return self.is_over.is_set() or time.monotonic() >= self.long_end

        self.long[one.slug] = self.start(one.slug, train_long, one, collection, is_over)

    def measure_references(self, collections: dict[str, Decoded]) -> None:
        """Features and scores of real images, all collections at once."""
        found = {
            f"real-{name}": self.start(f"real-{name}", measure_references, name, one)
            for name, one in collections.items()
        }
        self.join(found, self.margin)

    def train(self, jobs: list[Job], collection: Decoded) -> None:
        """Train everything of one collection side by side. If the time that is left is too short, train nothing."""
        if self.left() < self.seconds + LEAST_SECONDS:
            print(f"{jobs[0].collection}: no time is left for {self.seconds:.0f} s of training", flush=True)
            return
        began, barrier, slugs = time.monotonic(), FORK.Barrier(len(jobs)), [one.slug for one in jobs]
        found = {
            one.slug: self.start(one.slug, train_beside, one, collection, slugs, barrier, self.seconds) for one in jobs
        }
        self.join(found, self.seconds + self.margin)
        print(f"{jobs[0].collection}: {len(jobs)} trainings in {time.monotonic() - began:.0f} s", flush=True)
        self.print_rows(jobs[0].collection)

    def print_rows(self, collection: str) -> None:
        """Print in short what is known about a collection: a machine may not give back its files."""
        lines = (self.place.out / ROWS).read_text().splitlines()
        for row in [row for row in map(json.loads, lines) if row.get("collection") == collection]:
            found = f"  {row.get('family')}-{row.get('seed')}: {row.get('nimg', 0):,} images"
            if row["kind"] == "training":
                graph = "a CUDA graph" if row["is_recorded"] else "no graph"
                print(f"{found} in {row['seconds']:.1f} s with {graph}", flush=True)
            elif row["kind"] == "score" and row["at"] != "curve":
                scores = ", ".join(f"{name} {row['scores'][name]:.3g}" for name in PRINTED)
                print(f"{found}, at equal {row['at']}: {scores}", flush=True)

    def join(self, processes: dict[str, ForkProcess], seconds: float) -> None:
        """Wait for processes, and kill what still runs after so many seconds."""
        end = time.monotonic() + min(seconds, self.left())
        for name, process in processes.items():
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                kill(process)
                self.place.write("failed", name=name, reason="it was stopped: its time was over")
            elif process.exitcode and process.exitcode < 0:
                self.place.write("failed", name=name, reason=f"it was killed by signal {-process.exitcode}")

    def kill_all(self) -> None:
        for process in self._started:
            if process.is_alive():
                kill(process)


def kill(process: ForkProcess) -> None:
    """Kill a process with its children. It leads a group of its own, unless it has only just started."""
    assert process.pid is not None
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def train_all(given: Namespace) -> None:
    """Train and score everything that is asked for, and pack the results into few files under `given.out`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))
    given.out.mkdir(parents=True, exist_ok=True)
    names = given.only.split(",") if given.only else list(COLLECTIONS)
    long = [long_job(text, given.device) for text in given.long]
    with tempfile.TemporaryDirectory() as folder:
        place = Place(given.out, Path(folder), given.device, given.images, given.input_size, given.margin)
        (place.work / "logs").mkdir()
        waves = Waves(place, given)
        settings = {"seconds": given.seconds, "families": given.families, "seeds": given.seeds, "long": given.long}
        asked = {"num_images": given.images, "input_size": given.input_size}
        place.write("machine", machine=machine(), torch=torch.__version__, device=given.device, **settings, **asked)
        try:
            prebuilt = unpacked(given.datasets, place.work / "datasets") if given.datasets else None
            used = dict.fromkeys([*names, *(one.collection for one in long)])
            collections = {name: decoded(name, prebuilt) for name in used}
            for one in long:
                waves.start_long(one, collections[one.collection])
            waves.measure_references(collections)
            for name in names:
                waves.train([one for one in jobs(given) if one.collection == name], collections[name])
                pack(place, given.families)
            if not waves.is_limited:
                waves.is_over.set()
            waves.join(waves.long, waves.left())
        finally:
            waves.kill_all()
            pack(place, given.families)


def jobs(given: Namespace) -> list[Job]:
    """Every training, the families of a seed one after another."""
    chosen = given.only.split(",") if given.only else COLLECTIONS
    return [
        job(collection, family, seed, given.device)
        for collection in chosen
        for seed in range(given.seeds)
        for family in given.families
        if family not in PENALTIES or collection in PENALTIES_ON
    ]


def decoded(name: str, folder: Path | None) -> Decoded:
    """A collection with both splits in memory, which the forked processes share."""
    dataset = opened(name, folder)
    return Decoded(dataset.manifest, dataset.open_split("train"), dataset.open_split("val"))
