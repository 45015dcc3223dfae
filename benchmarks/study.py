"""`make bench-study`: the compression studies of digits and emoji, their tables under benchmarks/results.

What was trained and measured before is found again. Words after the first go on to `shardgan study`, for instance
`python -m benchmarks.study digits train.compute.threads=1`.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.collections import digits, emoji
from benchmarks.collections.sharded import NAMES, SOURCES
from benchmarks.harness.page import write_page

SHARDGAN = Path(sys.executable).with_name("shardgan")


def main(names: list[str], overrides: list[str]) -> None:
    """Run the studies of that name and write their tables."""
    digits.main(SOURCES / "digits-clean", clean=True)
    emoji.main(SOURCES / "emoji")
    for name in names:
        command = ["study", "--config", f"deploy/examples/study-{name}.yaml", *overrides]
        began = time.monotonic()
        done = subprocess.run([SHARDGAN, *command, "--json"], stdout=subprocess.PIPE, text=True, check=True)
        write_table(name, " ".join(["shardgan", *command]), time.monotonic() - began, json.loads(done.stdout))


def write_table(name: str, command: str, seconds: float, outcome: dict[str, str]) -> None:
    """Write benchmarks/results/study-NAME.md from what the study wrote beside its report."""
    tables = Path(outcome["report"]).with_suffix(".md").read_text()
    about = (
        f"{outcome['distance']}: lower is better; in parentheses 95% intervals, which cover the draw of images and "
        "not that of the seed. Columns as the report explains them; compare within a column."
    )
    write_page(f"study-{name}", f"What compression does: {name}", command, about, tables, ran=f"{seconds / 60:.0f} min")


if __name__ == "__main__":
    known = [word for word in sys.argv[1:] if word in NAMES]
    main(known or list(NAMES), [word for word in sys.argv[1:] if word not in NAMES])
