"""`python -m benchmarks.loading.measure WAY WHERE WORKERS IMAGES`: one pass of one reader, in a process of its own.

Prints images per second, CPU seconds per 1,000 images and the peak memory in MiB of this process with its workers, from
the tenth batch on. `--write` KIND FOLDER TARGET stores a folder of files in another library's format instead.
"""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from benchmarks.loading.readers import BATCH, READERS, SIDE, WRITERS

WARM_UP = 10  # batches
LOOKS = 4  # at the memory: each takes some milliseconds, which are not counted as CPU time


def measure(way: str, where: str, workers: int, images: int) -> dict[str, float]:
    """Read one pass, and return what it took."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="bench-loading-") as scratch:
        batches = READERS[way](where, workers, Path(scratch))
        for _ in range(WARM_UP):
            next(batches)
        began, cpu, count, memory, looking = time.perf_counter(), cpu_seconds(), 0, 0.0, 0.0
        expected = images // BATCH - WARM_UP
        for number, batch in zip(range(expected), batches, strict=False):
            assert tuple(batch.shape) == (BATCH, 3, SIDE, SIDE), f"{way} gave a batch of {tuple(batch.shape)}"
            count += len(batch)
            if number % (expected // LOOKS + 1) == 0:
                before = time.process_time()
                memory = max(memory, memory_mib())
                looking += time.process_time() - before
        seconds, spent = time.perf_counter() - began, cpu_seconds() - cpu - looking
        assert count >= 0.9 * expected * BATCH, f"{way} gave {count} images of {expected * BATCH}"
        del batches  # ends the workers
    return {"speed": count / seconds, "cpu": 1000 * spent / count, "memory": memory}


def family() -> list[psutil.Process]:
    """This process and all that it has started."""
    me = psutil.Process()
    return [me, *me.children(recursive=True)]


def cpu_seconds() -> float:
    """User and system time of the family, with that of children that have ended."""
    return total(lambda one: sum(one.cpu_times()[:4]))


def memory_mib() -> float:
    """Memory that belongs to the family: what several processes share is counted once."""
    return total(lambda one: one.memory_full_info().pss) / 2**20


def total(figure: Callable[[psutil.Process], float]) -> float:
    """Add up a figure of the family. A member may end meanwhile."""
    found = 0.0
    for one in family():
        with contextlib.suppress(psutil.NoSuchProcess):
            found += figure(one)
    return found


if __name__ == "__main__":
    if sys.argv[1] == "--write":
        kind, folder, target = sys.argv[2:]
        WRITERS[kind](sorted(Path(folder).iterdir()), Path(target))
    else:
        name, place, num_workers, num_images = sys.argv[1:]
        print(json.dumps(measure(name, place, int(num_workers), int(num_images))))
