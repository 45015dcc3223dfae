"""The whole service as a user starts it: `shardgan up`, a schedule that fires, Ctrl-C. Some minutes on two cores."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from tasks.service.guard import LOGIN_PATH
from tests.conftest import free_ports
from tests.waiting import wait_until

SHARDGAN = Path(sys.executable).with_name("shardgan")
NIGHTLY = {
    "shard": {"dataset": "tiny", "resolution": 16, "val_fraction": 0.3, "workers": 1},
    "train": {
        "family": "dcgan",
        "nimg": 320,
        "batch_size": 8,
        "width": 4,
        "latent_dim": 8,
        "tick_nimg": 80,
        "compute": {"threads": 1},
    },
    "evaluate": {"num_images": 16, "input_size": 32, "device": "cpu"},
}


class Service:
    """A running `shardgan up`; `shardgan` is the program of an installation, with that user's environment."""

    def __init__(
        self, home: Path, *flags: str, shardgan: Path = SHARDGAN, environment: Mapping[str, str] = os.environ
    ) -> None:
        self.prefect_port, self.mlflow_port = free_ports(2)
        self.log = home.with_name("up.log")
        self.password_file = home / "service.password"
        self.shardgan = shardgan
        self.environment = dict(environment) | {"SHARDGAN_HOME": str(home)}
        for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "PREFECT_HOME", "PREFECT_API_AUTH_STRING"):
            self.environment.pop(name, None)
        self.ports = [f"--prefect-port={self.prefect_port}", f"--mlflow-port={self.mlflow_port}"]
        command = [shardgan, "up", *self.ports, *flags]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        url = f"http://127.0.0.1:{self.prefect_port}/api{path}"
        answer = httpx.request(method, url, json=body, timeout=60, trust_env=False, auth=self.auth)
        return answer.raise_for_status().json()

    @property
    def auth(self) -> tuple[str, str]:
        """The name and password that it made."""
        name, _, password = self.password_file.read_text().strip().partition(":")
        return name, password

    @property
    def links(self) -> dict[str, str]:
        """The addresses that log a browser in, as a terminal shows them."""
        name, password = self.auth
        return {
            "prefect": f"http://127.0.0.1:{self.prefect_port}{LOGIN_PATH}#{name}:{password}",
            "mlflow": f"http://{name}:{password}@127.0.0.1:{self.mlflow_port}{LOGIN_PATH}",
        }

    def is_set_up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return f"MLflow UI      http://127.0.0.1:{self.mlflow_port}" in self.log.read_text()

    def flow_runs(self, flow: str) -> list[dict[str, Any]]:
        wanted = {"flows": {"name": {"any_": [flow]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found: list[dict[str, Any]] = self.call("POST", "/flow_runs/filter", wanted)
        return found

    def run(self, *words: str) -> str:
        """A command of this home, which finds the service by itself; returns what it printed."""
        done = subprocess.run(
            [self.shardgan, *words], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self) -> int:
        """Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=120)


@pytest.fixture
def service(home_dir: Path) -> Iterator[Service]:
    service = Service(home_dir)
    wait_until(service.is_set_up)
    yield service
    if service.process.poll() is None:
        service.stop()


@pytest.mark.slow
def test_the_nightly_pipeline_is_fired_by_its_schedule_and_ctrl_c_leaves_nothing(
    service: Service, collection: Path, tmp_path: Path
) -> None:
    config = NIGHTLY | {"shard": NIGHTLY["shard"] | {"source": str(collection)}}
    (tmp_path / "nightly.yaml").write_text(yaml.safe_dump(config))
    due = datetime.now(UTC) + timedelta(minutes=2)
    cron = f"{due.minute} {due.hour} * * *"
    service.run("setup", *service.ports, f"--nightly={tmp_path / 'nightly.yaml'}", f"--nightly-cron={cron}")

    def ended() -> list[dict[str, Any]]:
        return [run for run in service.flow_runs("pipeline") if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED")]

    (run,) = wait_until(ended)
    assert run["state_type"] == "COMPLETED", run["state"]
    assert run["auto_scheduled"]
    assert run["work_pool_name"] == "cpu"
    (trained,) = service.flow_runs("train-gan")
    assert trained["work_pool_name"] == "gpu"
    assert trained["parent_task_run_id"]

    assert '"verdict": "wrong"' not in service.run("doctor", "--json")

    # The same again, by hand: nothing new, and nothing trained.
    deployment = service.call("GET", "/deployments/name/pipeline/nightly")
    service.call("POST", f"/deployments/{deployment['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    wait_until(lambda: len(ended()) == 2)
    assert ended()[1]["state_name"] == "Nothing new", ended()[1]["state"]
    assert len(service.flow_runs("train-gan")) == 1

    started = psutil.Process(service.process.pid).children(recursive=True)
    assert len(started) >= 4
    assert service.stop() == 0, service.log.read_text()[-3000:]
    _, left = psutil.wait_procs(started, timeout=10)
    assert not left, json.dumps([one.cmdline() for one in left])


@pytest.mark.slow
def test_a_closed_terminal_and_a_kill_leave_nothing_and_the_next_start_works(home_dir: Path) -> None:
    for number in (signal.SIGHUP, signal.SIGKILL, signal.SIGTERM):
        service = Service(home_dir)
        wait_until(service.is_set_up)
        started = psutil.Process(service.process.pid).children(recursive=True)
        assert len(started) >= 4
        service.process.send_signal(number)
        service.process.wait(timeout=120)
        _, left = psutil.wait_procs(started, timeout=60)
        assert not left, [number, *(one.cmdline() for one in left)]
        assert service.process.returncode == (-number if number == signal.SIGKILL else 0), service.log.read_text()
