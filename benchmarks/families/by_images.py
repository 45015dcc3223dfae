"""Every family on digits and emoji at 32x32 on a CPU, with the same number of images seen.

Trainings are kept under the ignored cache and go on where they were left; the table is written when all are there.
"""

import os

from benchmarks.collections.sharded import NAMES, sharded
from benchmarks.families.contenders import contenders
from benchmarks.families.generation import measure_generators
from benchmarks.families.table import write_table
from benchmarks.families.training import run
from benchmarks.harness.training import network
from models.compute.config import ComputeConfig
from models.compute.device import prepare, select_device


def compare(only: str, nimg: int, threads: int) -> None:
    """Train and score what `only` is part of the name of, or everything, and write the table of what there is."""
    datasets = {name: sharded(name, 32) for name in NAMES}
    compute = ComputeConfig(threads=threads)
    prepare(compute, select_device(compute.device))
    chosen = [one for one in contenders(nimg, threads) if only in one.slug]
    results = [run(one, datasets[one.collection]) for one in chosen]
    if not only:
        costs = measure_generators([network(one.config, datasets[one.collection]) for one in chosen])
        write_table(results, costs, threads or os.cpu_count() or 1)
