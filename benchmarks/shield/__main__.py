"""`make bench-shield`: the filter on poisoned streams, and the head on every kind of forgery, over five seeds.

Every row is kept under the ignored cache as soon as it is there, so that a run that was stopped goes on; the tables
are written from the rows there are.
"""

import argparse

from benchmarks.collections.sharded import NAMES
from benchmarks.shield import detection, poisoning, tables
from benchmarks.shield.collections import load
from models.compute.config import ComputeConfig
from models.compute.device import prepare, select_device


def main() -> None:
    """Run what `--part` and `--only` name, or everything, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("poisoning", "detection", "tables", "all"), default="all")
    parser.add_argument("--only", default="", help="names that contain this, e.g. digits-0")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    compute = ComputeConfig(threads=1, device="cpu")
    prepare(compute, select_device(compute.device))
    collections = {name: load(name) for name in NAMES}
    if given.part in ("poisoning", "all"):
        for case in cases(given.seeds):
            if given.only in case.slug:
                print(poisoning.run(case, collections[case.collection]), flush=True)
    if given.part in ("detection", "all"):
        for head in heads(given.seeds):
            if given.only in head.slug:
                print(detection.run(head, collections[head.collection]), flush=True)
    tables.write(poisoning.rows(), detection.rows())


def cases(num_seeds: int) -> list[poisoning.Case]:
    """The whole grid for the first seed, then for the next."""
    return [
        poisoning.Case(collection, seed, rate, policy)
        for seed in range(num_seeds)
        for collection in NAMES
        for rate in poisoning.RATES
        for policy in poisoning.POLICIES
    ]


def heads(num_seeds: int) -> list[detection.Case]:
    """Return the heads of one seed after the other. The first one of a seed is trained on all kinds of forgery."""
    return [
        detection.Case(collection, seed, left_out)
        for seed in range(num_seeds)
        for left_out in ("nothing", "patch", "plain", *detection.FAMILIES[1:])
        for collection in NAMES
    ]


if __name__ == "__main__":
    main()
