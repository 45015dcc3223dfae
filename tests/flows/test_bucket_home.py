"""`SHARDGAN_HOME=s3://…` from the command line: datasets, runs and what is generated lie on a real S3 server."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import s3fs

import shards

SHARDGAN = Path(sys.executable).with_name("shardgan")
TINY = """
shard: {dataset: tiny, resolution: 16, val_fraction: 0.3, workers: 1}
train:
  {family: dcgan, nimg: 64, batch_size: 8, width: 4, latent_dim: 8, tick_nimg: 16, compute: {threads: 1, device: cpu}}
evaluate: {num_images: 16, input_size: 32, device: cpu}
promote: {floors: off}
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def team(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A home in the bucket, whose working copy lies in the test's folder."""
    uri = f"{bucket}/{uuid4().hex}"
    monkeypatch.setenv("SHARDGAN_HOME", uri)
    monkeypatch.setenv("SHARDGAN_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return uri


def shardgan(*arguments: str) -> dict[str, Any]:
    """The outcome of a command that succeeds."""
    done = subprocess.run([SHARDGAN, *arguments, "--json"], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr[-3000:]
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def test_from_a_folder_to_a_champion_and_its_images_in_a_bucket(team: str, collection: Path, tmp_path: Path) -> None:
    config = tmp_path / "tiny.yaml"
    config.write_text(TINY)
    asked = ["run", "--config", str(config), "--source", str(collection)]
    first = shardgan(*asked)
    assert first["build"]["manifest"].startswith(f"{team}/datasets/tiny/")
    assert first["evaluate"]["champion"] == "models:/tiny/1"
    there = s3fs.S3FileSystem(skip_instance_cache=True)
    run = f"{team.removeprefix('s3://')}/runs/{first['train']['run']}"
    assert {Path(path).name for path in there.ls(run)} >= {"config.json", "stats.jsonl", "status.json", "checkpoints"}

    made = shardgan("generate", "--model", "models:/tiny@champion", "--num-images", "40", "--dataset", "made")
    assert made["manifest"].startswith(f"{team}/datasets/made/")
    synthetic = shards.Dataset.open(made["manifest"]).manifest.synthetic
    assert synthetic is not None
    assert synthetic.model == "models:/tiny/1"
    elsewhere = ["--out", f"{team}-shared", "--dataset", "made"]
    asked_again = ["generate", "--model", "models:/tiny@champion", "--num-images", "40", *elsewhere]
    copy = shardgan(*asked_again)
    assert copy["manifest"] == f"{team}-shared/datasets/made/{made['version']}/manifest.json"
    assert shardgan(*asked_again) == copy | {"reused": True}
    assert list(shards.Dataset.open(copy["manifest"]).find_damage()) == []
    assert shardgan("lineage", "models:/tiny@champion")["whole"]

    # Another worker, with an empty disk but the same registry: the run's state comes out of the bucket.
    shutil.rmtree(first["train"]["run_dir"])
    again = shardgan(*asked)
    assert again["build"]["reused"]
    assert again["train"]["nimg"] == 64
    assert again["train"]["model"] == first["train"]["model"]
    trained = shardgan("train", "--config", str(config), "--dataset", "made", "--model", "second")
    assert trained["model"]["name"] == "second"
