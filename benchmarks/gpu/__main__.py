"""`make bench-gpu`: every measurement on one GPU, within 300 s, into one JSON file and one page.

`--smoke` runs the same code on the CPU with tiny networks, to show that it works; its figures mean nothing.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# Before torch is imported: threads that spin while they wait make a shared machine several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from benchmarks.gpu.page import NOTES, render
from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.runner import run_part
from benchmarks.gpu.sizes import FULL, SMOKE
from benchmarks.harness.page import commit

SECONDS = 300.0


def main() -> int:
    """Run every part for which there is time, and write the results after each."""
    arguments = parse()
    if arguments.report:
        kept = json.loads((arguments.out / "gpu.json").read_text())
        (arguments.out / "gpu.md").write_text(f"{render(kept)}\n{NOTES.read_text()}")
        return 0
    sizes = SMOKE if arguments.smoke else FULL
    arguments.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"command": "make bench-gpu", "commit": commit(), "is_smoke": sizes.is_smoke, "parts": {}}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for part in PARTS:
            if arguments.only and part.name not in arguments.only:
                continue
            left = SECONDS * sizes.patience - (time.monotonic() - began)
            row = run_part(part, sizes, min(part.seconds * sizes.patience, left), Path(folder))
            found["parts"][part.name] = row
            print(f"{part.name}: {row['state']} in {row['seconds']:.1f} s", flush=True)
            (arguments.out / "gpu.json").write_text(json.dumps(found, indent=1))
            if part.name == "machine" and row["state"] != "done":
                print(row["reason"], file=sys.stderr)
                return 1
    found["seconds"] = time.monotonic() - began
    (arguments.out / "gpu.json").write_text(json.dumps(found, indent=1))
    (arguments.out / "gpu.md").write_text(render(found))
    print(f"\n{render(found)}")
    return 0 if all(row["state"] in ("done", "skipped") for row in found["parts"].values()) else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="tiny networks on the CPU, to show that all parts run")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder for gpu.json and gpu.md")
    parser.add_argument("--report", action="store_true", help="measure nothing: write the page of gpu.json again")
    parser.add_argument("--only", nargs="*", choices=[part.name for part in PARTS], help="these parts alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
