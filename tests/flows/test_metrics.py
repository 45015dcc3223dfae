"""The endpoint of a real service, read by a real Prometheus with the files of deploy/monitoring."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.conftest import free_ports
from tests.flows.test_service import Service
from tests.waiting import wait_until

FILES = Path(__file__).parents[2] / "deploy" / "monitoring"
DASHBOARD = json.loads((FILES / "dashboard.json").read_text())
ALERTS = yaml.safe_load((FILES / "alerts.yml").read_text())["groups"][0]["rules"]
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="needs prometheus and promtool: apt-get install prometheus",
)


def dashboard_queries() -> list[str]:
    queries = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    return [query.replace("$instance", ".*") for query in queries]


def names_in(queries: list[str]) -> set[str]:
    return {name for query in queries for name in re.findall(r"\bshardgan_\w+", query)}


def test_dashboard_and_alerts_ask_for_figures_that_exist() -> None:
    code = "".join(path.read_text() for path in (FILES.parents[1] / "tasks" / "service" / "monitoring").glob("*.py"))
    named = names_in([*dashboard_queries(), *(rule["expr"] for rule in ALERTS)])
    assert len(named) >= 15
    missing = {name for name in named if f'"{name.removesuffix("_total")}"' not in code}
    assert not missing
    identifiers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(identifiers)) == len(identifiers)


@needs_prometheus
@pytest.mark.slow
def test_each_alert_fires_when_it_should_and_not_before() -> None:
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]):
        done = subprocess.run(["promtool", *words], cwd=FILES, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    tested = yaml.safe_load((FILES / "alerts.test.yml").read_text())["tests"]
    cases = [case for test in tested for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in ALERTS}
    assert len(names) >= 5
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names


@pytest.fixture
def service(home_dir: Path) -> Iterator[Service]:
    (port,) = free_ports(1)
    service = Service(home_dir, f"--metrics-port={port}")
    service.metrics_port = port  # type: ignore[attr-defined]
    wait_until(service.is_set_up)
    yield service
    if service.process.poll() is None:
        service.stop()


class Prometheus:
    """A server with the files of deploy/monitoring, which asks one endpoint every second."""

    def __init__(self, folder: Path, endpoint: int, password: str) -> None:
        (self.port,) = free_ports(1)
        shutil.copy(FILES / "alerts.yml", folder)
        config = yaml.safe_load((FILES / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        (job,) = config["scrape_configs"]
        job["static_configs"][0]["targets"] = [f"127.0.0.1:{endpoint}"]
        del job["scrape_timeout"]  # it may not be longer than the interval
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (folder / "shardgan.password").write_text(f"{password}\n")
        flags = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        command = ["prometheus", *flags, f"--web.listen-address=127.0.0.1:{self.port}"]
        with (folder / "prometheus.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def get(self, path: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}"
        answer = httpx.get(url, params=parameters, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def ask(self, query: str) -> dict[tuple[str, ...], float]:
        """The values that a query gives now, by the values of their labels without job and instance."""
        found = self.get("query", query=query)["result"]
        hidden = ("__name__", "job", "instance")
        return {
            tuple(value for name, value in sorted(one["metric"].items()) if name not in hidden): float(one["value"][1])
            for one in found
        }

    def answers(self) -> bool:
        try:
            return bool(self.ask("up == 1"))
        except httpx.HTTPError:
            return False


@needs_prometheus
@pytest.mark.slow
def test_a_real_prometheus_reads_the_service(service: Service, tmp_path: Path) -> None:
    name, password = service.auth
    port: int = service.metrics_port  # type: ignore[attr-defined]
    url = f"http://127.0.0.1:{port}/metrics"
    assert httpx.get(url, trust_env=False).status_code == 401
    prometheus = Prometheus(tmp_path, port, password)
    try:
        wait_until(prometheus.answers, alive=prometheus.process)
        assert prometheus.ask("shardgan_source_up") == {
            (source,): 1 for source in ("prefect", "mlflow", "datasets", "trainings", "gpus")
        }
        wait_until(lambda: prometheus.ask("shardgan_workers") == {("cpu",): 1, ("gpu",): 1})
        for query in dashboard_queries():
            prometheus.ask(query)
        rules = prometheus.get("rules")["groups"][0]["rules"]
        assert {(rule["name"], rule["health"]) for rule in rules} <= {
            (rule["alert"], health) for rule in ALERTS for health in ("ok", "unknown")
        }
        assert len(rules) == len(ALERTS)

        # A run that no worker may take waits in the queue.
        pool = f"http://127.0.0.1:{service.prefect_port}/api/work_pools/gpu"
        httpx.patch(pool, json={"is_paused": True}, auth=service.auth, trust_env=False).raise_for_status()
        deployment = service.call("GET", "/deployments/name/train-gan/gpu")
        run = {"state": {"type": "SCHEDULED"}, "parameters": {"config": {"dataset": "none"}}}
        service.call("POST", f"/deployments/{deployment['id']}/create_flow_run", run)
        wait_until(lambda: prometheus.ask("shardgan_queue_runs").get(("gpu",)) == 1)
        assert prometheus.ask("shardgan_queue_oldest_seconds")["gpu",] >= 0
        assert prometheus.ask('shardgan_flow_runs{state="scheduled"}')["scheduled",] >= 1
        assert httpx.get(url, auth=(name, password), trust_env=False).status_code == 200
    finally:
        prometheus.process.terminate()
        prometheus.process.wait(timeout=60)
    assert service.stop() == 0, service.log.read_text()[-3000:]
