"""What the scores cost at the sizes that papers use: `make bench-scores`.

CPU time and peak memory of each comparison between two sets of random features, 50,000 against 50,000, each in a
process of its own on one thread. Memory is what the process holds at most beyond the two sets themselves.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.harness.page import table, write_page
from models.metrics.distances import compare_frechet, kernel_distance
from models.metrics.neighbours import compare_manifolds, nearest

NUM_FEATURES = 1280  # EfficientNet-Lite0's
Features = np.ndarray
COMPARISONS: dict[str, Callable[[Features, Features], object]] = {
    "Fréchet distance": compare_frechet,
    "kernel distance": lambda x, y: kernel_distance(x, y, seed=0),
    "precision, recall, density, coverage": compare_manifolds,
    "nearest training image of 10,000": lambda x, y: nearest(x, y[:10_000]),
}


def main() -> None:
    """Measure every comparison and write the table, or one of them and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-images", type=int, default=50_000, help="images on either side")
    parser.add_argument("--only", default="", help="the one comparison that this process measures")
    given = parser.parse_args()
    if given.only:
        print(json.dumps(measure(COMPARISONS[given.only], given.num_images)))
        return
    rows = []
    for name in COMPARISONS:
        command = [sys.executable, "-m", "benchmarks.scores", f"--num-images={given.num_images}", f"--only={name}"]
        done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, check=True)
        seconds, memory_bytes = json.loads(done.stdout)
        rows.append([name, f"{seconds:,.0f}", f"{memory_bytes / 2**30:.2f}"])
        print(rows[-1], flush=True)
    head = ["score", "CPU seconds", "memory beside the features, GiB"]
    about, rows_table = describe(given.num_images), table(head, rows)
    write_page("scores", "What the scores cost", "make bench-scores", about, rows_table, ran="one thread")


def measure(compare: Callable[[Features, Features], object], num_images: int) -> tuple[float, int]:
    """Seconds of CPU, and peak memory in bytes beyond what two sets of `num_images` features and the imports take."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((num_images, NUM_FEATURES), np.float32) for _ in range(2))
    before = peak_bytes()
    start = time.process_time()
    compare(x, y)
    return time.process_time() - start, peak_bytes() - before


def peak_bytes() -> int:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def describe(num_images: int) -> str:
    """What is compared, and what it would take to hold all of it."""
    return (
        f"{num_images:,} generated against {num_images:,} real images, {NUM_FEATURES:,} features each "
        f"({num_images * NUM_FEATURES * 4 / 2**30:.2f} GiB a set). One table of all distances would take "
        f"{num_images**2 * 4 / 2**30:.1f} GiB."
    )


if __name__ == "__main__":
    main()
