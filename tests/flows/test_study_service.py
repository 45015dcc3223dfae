"""A study on a running service: its trainings side by side on the gpu pool. Some minutes on two cores."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.test_service import SHARDGAN, Service
from tests.waiting import wait_until

STUDY = [
    "--dataset=tiny",
    "--resolution=16",
    "shard.val_fraction=0.3",
    "--codecs=[png, jpeg:20]",
    "study.preprocessing=false",
    "--nimg=640",
    "train.batch_size=8",
    "train.width=4",
    "train.latent_dim=8",
    "train.tick_nimg=80",
    "train.compute.threads=1",
    "evaluate.num_images=16",
    "evaluate.input_size=32",
]


@pytest.fixture
def service(home_dir: Path) -> Iterator[Service]:
    service = Service(home_dir, "--gpu-workers=2")
    yield service
    if service.process.poll() is None:
        service.stop()


@pytest.mark.slow
def test_trainings_of_a_study_run_side_by_side_on_the_gpu_pool(service: Service, collection: Path) -> None:
    wait_until(service.is_set_up)
    servers = {
        "PREFECT_API_URL": f"http://127.0.0.1:{service.prefect_port}/api",
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{service.mlflow_port}",
    }
    command = [SHARDGAN, "study", f"--source={collection}", *STUDY, "--json"]
    done = subprocess.run(command, env=os.environ | servers, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    outcome = json.loads(done.stdout)
    assert [row["codec"] for row in outcome["codecs"]] == ["original", "png", "jpeg:20"]
    assert all(row["trained"] is not None for row in outcome["codecs"])

    first, second = service.flow_runs("train-gan")
    assert {first["work_pool_name"], second["work_pool_name"]} == {"gpu"}
    assert first["start_time"] < second["end_time"]
    assert second["start_time"] < first["end_time"]
    (study,) = service.flow_runs("compression-study")
    assert study["state_type"] == "COMPLETED"
