"""`python -m benchmarks.families --train` in small on the CPU, without packages that the lent machine lacks."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from shards import ShardConfig, build

ROOT = Path(__file__).parent.parent
# Neither the services nor what only building shards needs may be imported.
ALONE = """
import runpy, sys

FORBIDDEN = ("prefect", "mlflow", "tasks", "flows", "webdataset", "yaml", "imagehash", "cyclopts", "mlxtend")

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ImportError(f"the benchmark imports {name}")

sys.meta_path.insert(0, Forbidden())
sys.argv[0] = "benchmarks.families"
runpy.run_module("benchmarks.families", run_name="__main__")
"""


@pytest.mark.slow
def test_trainings_side_by_side_are_scored_at_equal_time_and_equal_images(tmp_path: Path) -> None:
    for number in range(400):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16), dtype=np.uint8)
        (tmp_path / "source" / str(number % 2)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "source" / str(number % 2) / f"{number}.png")
    config = ShardConfig(
        source=str(tmp_path / "source"), dataset="digits", resolution=16, channels=1, encoding="png", val_fraction=0.3
    )
    build(config, tmp_path / "home")
    long = {"collection": "digits", "family": "dcgan", "width": 4, "latent_dim": 4}
    out = tmp_path / "out"
    options = {"device": "cpu", "datasets": tmp_path / "home", "out": out, "only": "digits", "families": "dcgan,vae"}
    options |= {
        "seconds": 20,
        "seeds": 1,
        "images": 40,
        "input-size": 32,
        "margin": 200,
        "long": f"own={json.dumps(long)}",
    }
    command = [sys.executable, "-c", ALONE, "--train"]
    command += [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    assert not [row for row in rows if row["kind"] == "failed"]
    trainings = {row["family"]: row for row in rows if row["kind"] == "training"}
    assert trainings.keys() == {"dcgan", "vae", "own"}
    scores = [row for row in rows if row["kind"] == "score"]
    ends = {row["family"]: row for row in scores if row["at"] == "time"}
    assert {name: row["nimg"] for name, row in ends.items()} == {name: row["nimg"] for name, row in trainings.items()}
    equal = {row["family"]: row["point"] for row in scores if row["at"] == "images"}
    assert equal.keys() == {"dcgan", "vae"}
    assert len(set(equal.values())) == 1
    assert all(f"{name}-MobileNetV2" in row["scores"] for row in scores for name in ("FD", "KD", "recall"))
    assert all("memorised" in row["scores"] for row in scores)
    assert load_file(out / "digits-own-0.safetensors")
    with tarfile.open(out / "pictures.tar") as pictures:
        assert {"digits.png", f"digits-own-0-{trainings['own']['nimg']:09d}.png"} <= set(pictures.getnames())
