"""`python -m benchmarks.scale`: what a million images and a registry of 1,000 versions and 10,000 runs cost.

Each stage runs in a process of its own. CPU seconds are those of all its processes, and memory is that of its largest
one. What was measured is kept under --folder, so a run that was stopped goes on. A million files need 20 GB there.
"""

import argparse
from pathlib import Path

from benchmarks.scale import page
from benchmarks.scale.registry import measure_registry
from benchmarks.scale.stages import measure_collection

SIZES = "10000,100000,1000000"


def main() -> None:
    """Measure what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=SIZES, help="numbers of files, with commas, ascending")
    parser.add_argument("--folder", type=Path, default=Path(".cache/bench/scale"), help="keeps files and figures")
    given = parser.parse_args()
    folder = given.folder.absolute()
    stages = [row for size in given.sizes.split(",") for row in measure_collection(folder, int(size))]
    page.write(stages, list(measure_registry(folder)))


if __name__ == "__main__":
    main()
