"""`make bench-gpu` runs on the CPU with --smoke, without the packages that models/ does not need, so it cannot rot."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Nothing of the product but models may be imported, and none of its services.
ALONE = """
import runpy, sys

FORBIDDEN = ("prefect", "mlflow", "shards", "tasks", "flows", "webdataset")

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ImportError(f"the benchmark imports {name}")

sys.meta_path.insert(0, Forbidden())
sys.argv[0] = "benchmarks.gpu"
runpy.run_module("benchmarks.gpu", run_name="__main__")
"""


def test_every_part_of_the_gpu_benchmark_runs_on_a_cpu(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ALONE, "--smoke", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert done.returncode == 0, found
    assert {row["state"] for row in found["parts"].values()} == {"done"}
    results = {name: row["results"] for name, row in found["parts"].items()}
    assert results["exact"]["dcgan, eager"] == {"was_killed": True, "same_bits": True}
    assert results["ranks"]["gloo"] == {"same_bits": True}
    assert results["nets"]["feature_difference"] == 0
    assert results["dcgan"]["dcgan-16, batch 4"]["eager"]["images_per_second"] > 0
    page = (tmp_path / "gpu.md").read_text()
    assert "| dcgan-16, batch 4 | - | 1 images/s |" in page
    assert "smoke run" in page


@pytest.mark.slow
def test_without_a_gpu_it_says_what_to_do(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path), "--only", "machine"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "sees no GPU" in done.stderr
    assert "--smoke runs without a GPU" in done.stderr
