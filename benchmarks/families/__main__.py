"""Families compared on the same images: `--train` on one GPU, all of a collection side by side, or on the CPU.

`python -m benchmarks.families --train --out FOLDER` trains each family with three seeds on five collections for the
same time, and scores it at equal time and at equal images seen. `--report FOLDER ...` writes families.md from such
folders. Without both, `make bench-families`: every family on digits and emoji at 32x32 on a CPU, with 50,000 images
each.
"""

import argparse
from pathlib import Path

from benchmarks.families.jobs import FAMILIES


def main() -> None:
    """Do what is asked for. Each way imports only what it needs: the machine with the GPU has few packages."""
    given = parse()
    if given.train:
        from benchmarks.families.waves import train_all

        train_all(given)
    elif given.report:
        from benchmarks.families.report import write_report

        write_report(given.report)
    else:
        from benchmarks.families.by_images import compare

        compare(given.only, given.nimg, given.threads)


def parse() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names of collections, with commas; on a CPU: what a name contains")
    parser.add_argument(
        "--report", type=Path, nargs="+", metavar="FOLDER", help="train nothing: write the page of these folders"
    )
    timed = parser.add_argument_group("with --train")
    timed.add_argument("--train", action="store_true", help="train side by side for the same time")
    timed.add_argument("--device", choices=["cpu", "cuda"], default="cuda", help="where; default cuda")
    timed.add_argument("--datasets", type=Path, metavar="FILE", help="collections in an archive; default: fetched")
    timed.add_argument("--out", type=Path, default=Path(".cache/bench/families-timed"), help="folder of the results")
    timed.add_argument("--seconds", type=float, default=40, help="time of each training; on a CPU, CPU time")
    timed.add_argument(
        "--margin", type=float, default=60, help="seconds of the day besides --seconds, after which a wave is killed"
    )
    timed.add_argument("--limit", type=float, default=0, help="seconds for everything; 0: no limit")
    timed.add_argument("--seeds", type=int, default=3, help="how many seeds")
    timed.add_argument("--families", type=lambda text: text.split(","), default=FAMILIES, help="names, with commas")
    timed.add_argument("--long", action="append", default=[], metavar="NAME=JSON", help="a training beside all waves")
    timed.add_argument("--reserve", type=float, default=60, help="seconds before the limit at which --long ones stop")
    timed.add_argument("--images", type=int, default=2000, help="images of each score")
    timed.add_argument("--input-size", type=int, default=112, help="pixels at which the judges see them")
    counted = parser.add_argument_group("without --train")
    counted.add_argument("--nimg", type=int, default=50_000, help="images that each training sees")
    counted.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    return parser.parse_args()


if __name__ == "__main__":
    main()
