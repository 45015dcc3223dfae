"""`make bench-families`: every family on digits and emoji at 32x32, with the same number of images seen.

Trainings are kept under the ignored cache and go on where they were left; the table is written when all are there.
"""

import argparse
import os

from benchmarks.collections.sharded import NAMES, sharded
from benchmarks.families.contenders import NIMG, contenders
from benchmarks.families.generation import measure_generators
from benchmarks.families.table import write_table
from benchmarks.families.training import run
from benchmarks.harness.training import network
from models.compute.config import ComputeConfig
from models.compute.device import prepare, select_device


def main() -> None:
    """Train and score what `--only` names, or everything, and write the table of what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names that contain this, e.g. emoji-dcgan")
    parser.add_argument("--nimg", type=int, default=NIMG, help="images that each training sees")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    given = parser.parse_args()
    datasets = {name: sharded(name, 32) for name in NAMES}
    compute = ComputeConfig(threads=given.threads)
    prepare(compute, select_device(compute.device))
    chosen = [one for one in contenders(given.nimg, given.threads) if given.only in one.slug]
    results = [run(one, datasets[one.collection]) for one in chosen]
    if not given.only:
        costs = measure_generators([network(one.config, datasets[one.collection]) for one in chosen])
        write_table(results, costs, given.threads or os.cpu_count() or 1)


if __name__ == "__main__":
    main()
