"""`python -m benchmarks.scale`: what a million images and a registry of 1,000 versions and 10,000 runs cost."""

import argparse
from pathlib import Path

from benchmarks.scale.stages import measure_collection

SIZES = "10000,100000,1000000"


def main() -> None:
    """Measure what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=SIZES, help="numbers of files, with commas, ascending")
    parser.add_argument("--folder", type=Path, default=Path(".cache/bench/scale"), help="keeps files and figures")
    given = parser.parse_args()
    rows = [row for size in given.sizes.split(",") for row in measure_collection(given.folder.absolute(), int(size))]
    print(rows)


if __name__ == "__main__":
    main()
