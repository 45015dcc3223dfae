"""`make bench-penalties`: three ways to compute r3's gradient penalties, at equal images seen and at equal time.

Trainings are kept under the ignored cache. A later call goes on with them, also to more images.
"""

import argparse

from benchmarks.collections.sharded import NAMES, sharded
from benchmarks.penalties.arms import SEEDS, TICK_NIMG, arms
from benchmarks.penalties.page import write_report
from benchmarks.penalties.training import measure_cost, score_arm, train_arm
from models.compute.config import ComputeConfig
from models.compute.device import prepare, select_device

NIMG = 8000


def main() -> None:
    """Train and score what `--only` names, or everything, and write the page of what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names that contain this, e.g. digits-lazy-0")
    parser.add_argument("--nimg", type=int, default=NIMG, help=f"images of each training, a multiple of {TICK_NIMG}")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many seeds")
    parser.add_argument("--report", action="store_true", help="train nothing: write the page of what there is")
    given = parser.parse_args()
    compute = ComputeConfig(device="cpu", threads=1)
    prepare(compute, select_device(compute.device))
    datasets = {name: sharded(name, 32) for name in NAMES}
    chosen = [one for one in arms() if given.only in one.slug and one.seed < given.seeds]
    for one in chosen if not given.report else []:
        train_arm(one, datasets[one.collection], given.nimg)
        score_arm(one, datasets[one.collection], given.nimg)
    if not given.only:
        costs = {name: measure_cost(name, dataset) for name, dataset in datasets.items()}
        write_report(datasets, costs, given.nimg)


if __name__ == "__main__":
    main()
