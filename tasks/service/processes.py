"""The service's processes: started from deploy/Procfile by honcho, and ended so that none is left behind.

Workers, and all they start, are descendants of this process, which adopts orphans: a trainer whose flow was stopped has
its time to write a checkpoint.
"""

import contextlib
import ctypes
import logging
import os
import socket
import subprocess
import sys
import threading
from typing import NoReturn

import honcho.manager
import psutil
import torch
from honcho.environ import parse_procfile
from pydantic import BaseModel, ConfigDict

from tasks.errors import RequestError, ServiceError
from tasks.home import home, read_auth
from tasks.service.databases import ensure_databases
from tasks.service.provisioning import GPU, join_pool, wait_for_servers
from tasks.service.settings import (
    DATABASE_URL,
    DEPLOY,
    Environment,
    ServiceConfig,
    WorkerConfig,
    announce,
    check_exposure,
    client_environment,
    mlflow_environment,
    prefect_environment,
    write_auth_settings,
)

logger = logging.getLogger(__name__)
PR_SET_CHILD_SUBREAPER = 36
STOP_SECONDS = 20  # a server that is asked to end; honcho's own 5 s cut connections that are just being answered
TRAINER_SECONDS = 40.0  # a trainer that is asked to end writes its checkpoint within 25 s
STOPPED_BY_SIGNAL = (130, 143)


class ServiceOutcome(BaseModel):
    """Where the service was, when it has ended."""

    model_config = ConfigDict(frozen=True)

    prefect: str
    mlflow: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        return [("stopped", "all processes have ended"), ("start again", "shardgan up")]


def run_service(config: ServiceConfig) -> ServiceOutcome:
    """Run everything until Ctrl-C or SIGTERM, then end it all. Raises ServiceError where a process ends by itself."""
    check_exposure(config)
    _check_gpus(config)
    _check_ports(config)
    ensure_databases()
    with announce(config, home()):
        if read_auth():
            write_auth_settings(home())
        _adopt_orphans()
        honcho.manager.KILL_WAIT = STOP_SECONDS
        manager = honcho.manager.Manager()
        # Servers are told of their databases, password and all; flow runs have no business there.
        inherited = {name: value for name, value in os.environ.items() if name != DATABASE_URL}
        for name, command, environment in processes(config):
            manager.add_process(name, command, env=inherited | environment)
        # Before honcho forks: a fork in the middle of starting it would keep its pipe open for ever.
        set_up = _start_set_up(config)
        threading.Thread(target=lambda: set_up.wait() and manager.terminate(), daemon=True).start()
        manager.loop()
        _end_descendants()
    if manager.returncode not in STOPPED_BY_SIGNAL:
        what = "the set-up failed" if set_up.returncode else f"a server ended by itself ({manager.returncode})"
        raise ServiceError(f"{what}: the lines above say why")
    return ServiceOutcome(prefect=config.prefect_url, mlflow=config.mlflow_url)


def processes(config: ServiceConfig) -> list[tuple[str, str, Environment]]:
    """(name, command, environment) of every process that deploy/Procfile names, a line for each GPU worker."""
    base = client_environment(config)
    lines = []
    for name, command in parse_procfile((DEPLOY / "Procfile").read_text()).processes.items():
        if name == "prefect":
            lines.append((name, command, base | prefect_environment(config)))
        elif name == "mlflow":
            flags = " --app-name basic-auth" if read_auth() else ""
            lines.append((name, command + flags, base | mlflow_environment(config)))
        elif name == "gpu":
            lines += _gpu_workers(command, base, config.gpu_workers)
        else:
            lines.append((name, command, base))
    return lines


def _gpu_workers(command: str, base: Environment, count: int) -> list[tuple[str, str, Environment]]:
    """One worker has all GPUs of the machine; several have one each."""
    if count == 1:
        return [("gpu", command, base)]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")  # what an operator keeps for other work stays so
    found = torch.cuda.device_count()
    gpus = visible.split(",")[:found] if visible else [str(number) for number in range(found)]
    workers = []
    for number in range(count):
        environment = base | {"WORKER_NAME": f"gpu-{socket.gethostname()}-{number}"}
        environment |= {"CUDA_VISIBLE_DEVICES": gpus[number]} if gpus else {}
        workers.append((f"gpu.{number}", command, environment))
    return workers


def _check_ports(config: ServiceConfig) -> None:
    for name, port in (("prefect_port", config.prefect_port), ("mlflow_port", config.mlflow_port)):
        try:
            socket.create_server((config.host.strip("[]"), port), family=_family(config.host)).close()
        except OSError as error:
            raise RequestError(f"{name} is {port}: cannot listen there ({error.strerror}); choose another") from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _check_gpus(config: ServiceConfig) -> None:
    gpus = torch.cuda.device_count()
    if gpus and config.gpu_workers > gpus:
        raise RequestError(f"gpu_workers is {config.gpu_workers}, and there are {gpus} GPUs: one trains one at a time")


def _start_set_up(config: ServiceConfig) -> subprocess.Popen[bytes]:
    """Set the servers up from a process of its own, which reads their addresses from the environment."""
    settings = [f"{name}={value}" for name, value in config.model_dump().items() if value != ""]
    return subprocess.Popen(["shardgan", "setup", *settings], env=os.environ | client_environment(config))


def run_worker(config: WorkerConfig) -> NoReturn:
    """Become a worker of the pool, which takes one run at a time if the pool is `gpu`; never returns."""
    wait_for_servers()
    name = config.name or f"{config.pool}-{socket.gethostname()}"
    command = [sys.executable, "-m", "tasks.service.pool_worker", "worker", "start", "--type", "process"]
    command += ["--pool", config.pool, "--name", name]
    join_pool(config.pool, name)
    if config.pool == GPU:
        command += ["--limit", "1"]
    os.execv(sys.executable, command)


def _adopt_orphans() -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def _end_descendants() -> None:
    """Ask what is left to end, trainers above all, which write their checkpoints; kill what has not in time."""
    left = psutil.Process().children(recursive=True)
    if left := [one for one in left if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]:
        print(f"waiting for {len(left)} processes to end: trainers write their checkpoints", flush=True)
    for one in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=TRAINER_SECONDS)
    for one in stubborn:
        logger.warning("killing process %s: it did not end within %.0f s", one.pid, TRAINER_SECONDS)
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(stubborn)
