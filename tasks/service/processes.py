"""The service's processes: two servers, workers and the set-up. Their environment names the servers and the state."""

import ctypes
import json
import os
import signal
import socket
import sys
from typing import NoReturn
from urllib.parse import quote

import torch
from pydantic import BaseModel, ConfigDict

from tasks.errors import RequestError, ServiceError
from tasks.flow_runs.schedules import describe_dates
from tasks.home import Auth, home, read_auth
from tasks.service.children import parents
from tasks.service.children.manager import TRAINER_SECONDS, Manager, Program
from tasks.service.databases import ensure_databases
from tasks.service.guard import LOGIN_PATH
from tasks.service.provisioning import GPU, join_pool, wait_for_servers
from tasks.service.settings import (
    DATABASE_URL,
    Environment,
    ServiceConfig,
    WorkerConfig,
    announce,
    check_exposure,
    choose_auth,
    client_environment,
    mlflow_environment,
    prefect_environment,
)
from tasks.tracking.telemetry.log_format import format_line, is_json

PR_SET_CHILD_SUBREAPER = 36
METRICS = "tasks.service.monitoring.server"
PATIENCE_SECONDS = 20.0  # processes of a service that was killed end by themselves within this time


class ServiceOutcome(BaseModel):
    """The outcome of a service that has ended: its addresses."""

    model_config = ConfigDict(frozen=True)

    prefect: str
    mlflow: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        return [("stopped", "all processes have ended"), ("start again", "shardgan up")]


def run_service(config: ServiceConfig) -> ServiceOutcome:
    """Run all programs until Ctrl-C, SIGTERM or SIGHUP, then end them. Raises ServiceError if a process fails."""
    check_exposure(config)
    _check_gpus(config)
    with announce(config, home()):
        _end_leftovers(config)
        _check_ports(config)
        ensure_databases()
        _adopt_orphans()
        auth = choose_auth(config)
        manager = Manager(programs(config, auth), on_step=lambda: _show_links(config, auth))
        if failure := manager.run():
            raise ServiceError(f"{failure}: the lines above say why")
    return ServiceOutcome(prefect=config.prefect_url, mlflow=config.mlflow_url)


def programs(config: ServiceConfig, auth: Auth | None) -> list[Program]:
    """Return the programs: two servers, a worker for the pool cpu, workers for the pool gpu, and the set-up.

    With `metrics_port`, the endpoint for Prometheus is one more. If it dies, it is started again, as a worker is.
    """
    # Only servers get the database URL, which contains a password. Flow runs do not need it.
    inherited = {name: value for name, value in os.environ.items() if name != DATABASE_URL}
    base = inherited | client_environment(config, auth)
    settings = [f"{name}={value}" for name, value in config.model_dump().items() if value != ""]
    python = [sys.executable, "-m"]
    return [
        Program(
            "prefect",
            [*python, "tasks.service.prefect_server"],
            base | prefect_environment(config, auth),
            "server",
        ),
        Program("mlflow", [*python, "tasks.service.mlflow_server"], base | mlflow_environment(config), "server"),
        Program("cpu", ["shardgan", "worker", "cpu"], base),
        *_gpu_workers(base, config.gpu_workers),
        *([Program("metrics", [*python, METRICS, _metrics_settings(config)], base)] if config.metrics_port else []),
        Program("set-up", ["shardgan", "setup", *settings], base, "step"),
    ]


def _metrics_settings(config: ServiceConfig) -> str:
    """Return the settings of the endpoint as JSON, in the form of MetricsConfig in tasks.service.monitoring."""
    return json.dumps(
        {"host": config.host, "port": config.metrics_port, "public_host": config.public_host, "login": config.login}
    )


def login_links(config: ServiceConfig, auth: Auth | None) -> dict[str, str]:
    """Return the addresses of both UIs. They contain a password that `shardgan up` made, so they log a browser in."""
    prefect, mlflow = config.prefect_url, config.mlflow_url
    if auth is None or read_auth() == auth:
        return {"Prefect UI": prefect, "MLflow UI": mlflow}
    name, password = quote(auth.name, safe=""), quote(auth.password, safe="")
    return {
        "Prefect UI": f"{prefect}{LOGIN_PATH}#{name}:{password}",
        "MLflow UI": f"{mlflow.replace('://', f'://{name}:{password}@', 1)}{LOGIN_PATH}",
    }


def _show_links(config: ServiceConfig, auth: Auth | None) -> None:
    if auth and read_auth() != auth and not sys.stdout.isatty():  # other people can read logs
        line = f"log in as {auth.name} with the password in {home().password_file}"
        print(format_line(program="service", message=line) if is_json() else line, flush=True)
        auth = None
    shown = login_links(config, auth)
    if config.metrics_port:
        shown["Prometheus"] = config.metrics_url
    if config.nightly:
        shown["nightly run"] = describe_dates(config.nightly_cron, config.timezone)
    if config.drift:
        shown["drift"] = describe_dates(config.drift_cron, config.timezone)
    for name, text in shown.items():
        line = f"{name:<14} {text}"
        print(format_line(program="service", message=line) if is_json() else line, flush=True)


def _end_leftovers(config: ServiceConfig) -> None:
    """Wait for the processes of a killed service. End those that remain, or raise RequestError."""
    left = parents.wait(parents.find_leftovers(home().root), PATIENCE_SECONDS)
    if left and config.leftovers == "refuse":
        raise RequestError(
            f"processes of an earlier service on {home().root} still run: {parents.describe(left)}. "
            "`shardgan up --leftovers end` ends them first; trainings resume from their checkpoints"
        )
    parents.end(left, TRAINER_SECONDS)


def _gpu_workers(base: Environment, count: int) -> list[Program]:
    """A single worker gets all GPUs of the machine. Several workers get one GPU each."""
    command = ["shardgan", "worker", "gpu"]
    if count == 1:
        return [Program("gpu", command, base)]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")  # do not use GPUs that an operator reserved for other work
    found = torch.cuda.device_count()
    gpus = visible.split(",")[:found] if visible else [str(number) for number in range(found)]
    workers = []
    for number in range(count):
        environment = base | ({"CUDA_VISIBLE_DEVICES": gpus[number]} if gpus else {})
        name = f"gpu-{socket.gethostname()}-{number}"
        workers.append(Program(f"gpu.{number}", [*command, "--name", name], environment))
    return workers


def _check_ports(config: ServiceConfig) -> None:
    ports = {name: getattr(config, name) for name in ("prefect_port", "mlflow_port", "metrics_port")}
    for name, port in ports.items():
        if not port:
            continue  # this program is not started
        try:
            socket.create_server((config.host.strip("[]"), port), family=_family(config.host)).close()
        except OSError as error:
            raise RequestError(f"{name} is {port}: cannot listen there ({error.strerror}); choose another") from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _check_gpus(config: ServiceConfig) -> None:
    gpus = torch.cuda.device_count()
    if gpus and config.gpu_workers > gpus:
        raise RequestError(f"gpu_workers is {config.gpu_workers}, but there are {gpus} GPUs: each worker needs one")


def run_worker(config: WorkerConfig) -> NoReturn:
    """Become a worker of the pool. A worker of the pool `gpu` runs one flow at a time. Never returns."""
    if parent := os.environ.get(parents.PARENT_PID):
        parents.watch(int(parent))  # the program that replaces this one also watches it
    wait_for_servers()
    name = config.name or f"{config.pool}-{socket.gethostname()}"
    command = [sys.executable, "-m", "tasks.service.pool_worker", "worker", "start", "--type", "process"]
    command += ["--pool", config.pool, "--name", name]
    join_pool(config.pool, name)
    if config.pool == GPU:
        command += ["--limit", "1"]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a worker that ignores SIGINT cannot be stopped at all
    os.execv(sys.executable, command)


def _adopt_orphans() -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
