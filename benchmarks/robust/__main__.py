"""`make bench-robust`: compression-robust training beside plain training on digits and emoji as JPEG 15 and 30.

Every finished training is a row under the ignored cache, so that a stop loses nothing; a cut-short comparison gives a
table of what there is.
"""

import argparse

from benchmarks.robust.arms import QUALITIES, Arm, arms
from benchmarks.robust.report import write_report
from benchmarks.robust.training import measure, measure_curve, measure_files, rows
from models.compute.config import ComputeConfig
from models.compute.device import prepare, select_device


def main() -> None:
    """Train and score what `--only` names, or everything, and write the report of what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names that contain this, e.g. digits-q15-known")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds")
    parser.add_argument("--report", action="store_true", help="train nothing: write the report of what there is")
    given = parser.parse_args()
    compute = ComputeConfig(threads=1)
    prepare(compute, select_device(compute.device))
    chosen = [one for one in arms() if given.only in one.slug and one.seed < given.seeds]
    if not given.report:
        run(chosen)
    write_report()


def run(chosen: list[Arm]) -> None:
    """Seed by seed; after the first seed, the curves behind its ends."""
    for collection in {one.collection: None for one in chosen}:
        for quality in (0, *QUALITIES):
            if f"{collection}-{f'q{quality}' if quality else 'clean'}-files" not in rows():
                measure_files(collection, quality)
    for one in chosen:
        if one.slug not in rows():
            measure(one)
    for one in chosen:
        if one.seed == 0:
            measure_curve(one)


if __name__ == "__main__":
    main()
