"""The container files: valid to the tools that read them, open to this machine alone, and without a secret in them."""

import json
import re
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

import compose_spec
import kubernetes_validate
import pytest
import yaml
from prefect.client.schemas.objects import FlowRun
from prefect.utilities.schema_tools import is_valid_schema
from prefect.utilities.templating import apply_values
from prefect_kubernetes.worker import KubernetesWorker, KubernetesWorkerJobConfiguration

from tasks.home import Auth
from tasks.service.children.parents import PARENT_PID, SERVICE_HOME
from tasks.service.settings import ServiceConfig, client_environment, mlflow_environment, prefect_environment
from tasks.training.process.launchers.kubernetes import LABEL

DEPLOY = Path(__file__).parent.parent / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()
SERVICES = yaml.safe_load(COMPOSE)["services"]
AUTH = Auth("shardgan", "a-long-enough-one")
SECRETS = {"POSTGRES_PASSWORD": "pg-secret", "S3_ACCESS_KEY": "s3-key", "S3_SECRET_KEY": "s3-secret"}
TEMPLATE = json.loads((DEPLOY / "kubernetes" / "gpu-job-template.json").read_text())
VALUE = re.compile(r"(?i)(password|secret_?key|access_?key)\s*[:=]\s*[^\s$]")
ACCOUNT, POLICY = "ServiceAccount", "NetworkPolicy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def test_compose_is_valid() -> None:
    # It knows neither variables nor merge keys (<<), which docker does.
    filled = re.sub(r"\$\{\w+:(?:-(.*?)|\?)\}", lambda match: match[1] or "secret", COMPOSE)
    merged = yaml.safe_dump(yaml.safe_load(filled))
    compose_spec.PyCompose.from_yaml(merged)


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="its own reading, beside the one above")
def test_docker_compose_reads_it_and_asks_for_secrets() -> None:
    command = ["docker-compose", "-f", str(DEPLOY / "compose.yaml"), "config"]
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    whole = subprocess.run(command, env=path | SECRETS, capture_output=True, text=True, check=True)
    assert set(yaml.safe_load(whole.stdout)["services"]) == set(SERVICES)
    refused = subprocess.run(command, env=path, capture_output=True, text=True, check=False)
    assert refused.returncode
    assert "Missing mandatory value" in refused.stderr


def test_ports_are_open_to_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(str(port).startswith("127.0.0.1:") for port in ports)


def test_no_secret_has_a_value_in_the_files() -> None:
    for name in SECRETS:
        assert f"${{{name}:?}}" in COMPOSE
    for file in [DEPLOY / "compose.yaml", DEPLOY / "compose.env.example", *MANIFESTS]:
        for line in re.sub(r"\$\{.*?\}", "", file.read_text()).splitlines():
            assert not VALUE.search(line), f"{file.name}: {line}"


def test_the_gpu_worker_reserves_gpus_and_has_time_for_a_checkpoint() -> None:
    worker = SERVICES["gpu-worker"]
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert worker["build"]["target"] == "cuda"
    assert worker["stop_grace_period"] == "60s"


@pytest.mark.parametrize(
    ("service", "settings"),
    [
        ("prefect", lambda config: prefect_environment(config, AUTH)),
        ("mlflow", mlflow_environment),
        ("cpu-worker", lambda config: client_environment(config, None)),
    ],
)
def test_containers_are_told_what_the_processes_are_told(service: str, settings: Any, home_dir: Path) -> None:
    """As `shardgan up` does it, but for what the image holds and what only SQLite or a single machine needs."""
    elsewhere = {PARENT_PID, SERVICE_HOME}  # of processes on one machine
    elsewhere |= {"PATH", "PREFECT_HOME", "PREFECT_SERVER_EPHEMERAL_ENABLED", "PREFECT_SERVER_API_PORT"}
    told = set(settings(ServiceConfig())) - elsewhere
    assert told <= set(SERVICES[service]["environment"])
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert "PREFECT_HOME=" in dockerfile
    assert "PREFECT_SERVER_EPHEMERAL_ENABLED=false" in dockerfile


@pytest.mark.parametrize("service", ["prefect", "mlflow"])
def test_the_servers_are_behind_the_guard_and_ask_for_the_password(service: str) -> None:
    assert SERVICES[service]["command"] == f"python -m tasks.service.{service}_server"
    asked = {"prefect": "PREFECT_SERVER_API_AUTH_STRING", "mlflow": "SHARDGAN_AUTH"}[service]
    for name in (service, "setup", "cpu-worker", "gpu-worker"):
        told = SERVICES[name]["environment"]
        assert told[asked if name == service else "SHARDGAN_AUTH"] == "${SHARDGAN_AUTH:-}"


def test_mlflow_answers_to_the_name_that_workers_call_it_by() -> None:
    assert SERVICES["mlflow"]["environment"]["SHARDGAN_ALLOWED_HOSTS"].split(",") == ["mlflow"]
    assert "'Host': 'mlflow:5000'" in SERVICES["mlflow"]["healthcheck"]["test"][-1]


def test_both_images_are_targets_of_one_dockerfile() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    stages = [line.split()[-1] for line in lines if line.startswith("FROM ")]
    assert {"cpu", "cuda"} <= set(stages)
    body = "\n".join(lines)
    cpu, cuda = re.findall(r"FROM c\w+-torch AS \w+\n(.*?)(?=\nFROM|\Z)", body, re.DOTALL)
    assert [line for line in cpu.splitlines() if not line.startswith("#")] == cuda.splitlines()


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.name)
def test_manifests_are_valid(file: Path) -> None:
    for resource in yaml.safe_load_all(file.read_text()):
        kubernetes_validate.validate(resource, "1.37", strict=True)
        assert resource["metadata"]["namespace"] == "shardgan"


def test_the_gpu_job_template_is_one_that_prefect_takes() -> None:
    theirs = KubernetesWorker.get_default_base_job_template()
    assert set(TEMPLATE["job_configuration"]) == set(theirs["job_configuration"])
    is_valid_schema(TEMPLATE["variables"])
    used = set(re.findall(r"{{ (\w+) }}", json.dumps(TEMPLATE["job_configuration"])))
    assert used == set(TEMPLATE["variables"]["properties"]), "a variable that is not used would be ignored"
    for name, field in TEMPLATE["variables"]["properties"].items():
        assert field["title"], name
        assert field["description"], name


@pytest.mark.parametrize("asked", [{}, {"gpu_count": 8, "shm_size": "32Gi", "node_selector": {"gpu": "h100"}}])
def test_the_job_it_makes_is_valid_and_has_its_gpus(asked: dict[str, Any], home_dir: Path) -> None:
    job = make_job(asked)
    kubernetes_validate.validate(job, "1.37", strict=True)
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == asked.get("gpu_count", 1)
    assert container["command" if "command" in container else "args"]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/dev/shm", "/scratch"}
    assert pod["volumes"][0]["emptyDir"] == {"medium": "Memory", "sizeLimit": asked.get("shm_size", "8Gi")}
    assert pod["terminationGracePeriodSeconds"] == 60
    assert pod.get("nodeSelector", {}) == asked.get("node_selector", {})


def make_job(values: dict[str, Any]) -> dict[str, Any]:
    """The Kubernetes job for a flow run, as the worker makes it."""
    defaults = {name: field["default"] for name, field in TEMPLATE["variables"]["properties"].items()}
    filled = apply_values(TEMPLATE["job_configuration"], defaults | values)
    configuration = KubernetesWorkerJobConfiguration.model_validate(filled)
    configuration.prepare_for_flow_run(FlowRun(id=uuid.uuid4(), flow_id=uuid.uuid4(), name="emoji-train-r3"))
    return configuration.job_manifest


def test_the_leader_of_several_machines_has_the_label_and_the_rights(home_dir: Path) -> None:
    resources = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "several-machines.yaml").read_text()))
    account, policy = (next(one for one in resources if one["kind"] == kind) for kind in (ACCOUNT, POLICY))
    label = policy["spec"]["podSelector"]["matchLabels"]
    asked = {"service_account_name": account["metadata"]["name"], "automount_token": True, "labels": label}
    template = make_job(asked)["spec"]["template"]
    assert label == {"app": LABEL}
    assert label.items() <= template["metadata"]["labels"].items()
    assert template["spec"]["automountServiceAccountToken"] is True
    assert make_job({})["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
