"""Settings of the service on one machine, the environment of its processes, and the file that announces its addresses.

Two environment variables choose where state is kept: `SHARDGAN_HOME` (a folder, or `s3://bucket/prefix`) and
`SHARDGAN_DATABASE_URL` (empty: SQLite under the home; `postgresql://user:password@host:port`: the databases
`prefect` and `mlflow` on that server). Both servers ask for a name and password. These come from
`SHARDGAN_AUTH=name:password`, or `shardgan up` makes them.
"""

import contextlib
import fcntl
import ipaddress
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator

from models import Settings
from tasks.errors import RequestError
from tasks.home import Auth, Home, auth_environment, home, make_password, read_auth, sqlite_uri
from tasks.service.children.artifact_store import artifact_environment
from tasks.service.children.parents import PARENT_PID, SERVICE_HOME

DATABASE_URL = "SHARDGAN_DATABASE_URL"
ALLOWED_HOSTS = "SHARDGAN_ALLOWED_HOSTS"  # allowed host names of the servers, in addition to localhost
ALLOWED_ORIGINS = "SHARDGAN_ALLOWED_ORIGINS"  # origins of pages that may use the servers, in addition to their own
MIN_PASSWORD = 12
DEPLOY = Path(__file__).parents[2] / "deploy"
Environment = dict[str, str]
HostName = Annotated[str, Field(max_length=253)]  # the longest name that DNS allows
Address = Annotated[HostName, Field(min_length=1)]
Port = Annotated[int, Field(ge=1, le=65535)]


class ServiceConfig(Settings):
    """Addresses of the servers, and how many runs are active at a time."""

    host: Address = Field(
        "127.0.0.1",
        title="Address",
        description="address on which both servers listen; if other machines can reach it, it needs SHARDGAN_AUTH",
    )
    login: bool = Field(
        True,
        title="Login",
        description="ask for a name and password; off: every user and program of this machine may use both servers",
    )
    leftovers: Literal["refuse", "end"] = Field(
        "refuse",
        title="Leftovers",
        description="if processes of an earlier service still run on this home: refuse to start, or end them first",
    )
    prefect_port: Port = Field(4200, title="Prefect port", description="port of the Prefect server")
    mlflow_port: Port = Field(5000, title="MLflow port", description="port of the MLflow server")
    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        title="Metrics port",
        description="port of the endpoint for Prometheus, such as 9420; 0: there is no endpoint",
    )
    public_host: HostName = Field(
        "",
        title="Public name",
        description="host name under which browsers and other machines reach this machine; empty: the address",
    )
    cpu_runs: int = Field(
        4, ge=1, le=1000, title="CPU runs", description="how many flow runs of the pool cpu are active at a time"
    )
    gpu_workers: int = Field(
        1,
        ge=0,
        le=64,
        title="GPU workers",
        description="number of workers for the pool gpu on this machine; each worker runs one training at a time",
    )

    nightly: str = Field(
        "",
        max_length=1000,
        title="Nightly config",
        description="YAML file for pipeline/nightly, in the form of `shardgan run --config`; empty: not scheduled",
    )
    nightly_cron: str = Field(
        "0 3 * * *", max_length=100, title="Nightly schedule", description="time of pipeline/nightly as a cron line"
    )
    drift: str = Field(
        "",
        max_length=1000,
        title="Drift config",
        description="YAML file for drift/watch-source, in the form of `shardgan drift --config`; empty: not scheduled",
    )
    drift_cron: str = Field(
        "0 5 * * *", max_length=100, title="Drift schedule", description="time of drift/watch-source as a cron line"
    )
    timezone: str = Field(
        "UTC", max_length=100, title="Time zone", description="time zone of both schedules, such as Europe/Berlin"
    )

    gpu_hours_per_day: float = Field(
        0,
        ge=0,
        le=1_000_000,
        title="GPU hours a day",
        description="quota of all trainings together; a training over it waits for the next day, which begins at "
        "midnight in the time zone. 0: no limit",
    )
    price_per_day: float = Field(
        0,
        ge=0,
        le=1_000_000_000,
        title="Price a day",
        description="the same as a price, for machines whose SHARDGAN_PRICE_PER_HOUR is set; 0: no limit",
    )

    @field_validator("nightly_cron", "drift_cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        from tasks.flow_runs.schedules import (
            check_cron,
        )  # it imports Prefect, which help and refused requests do not need

        check_cron(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _is_time_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("expected a name from the time zone database, such as UTC or Europe/Berlin")
        return value

    @property
    def is_local(self) -> bool:
        """Return whether only this machine can reach the servers."""
        return is_loopback(self.host)

    @property
    def reached_at(self) -> str:
        """The host name in URLs."""
        if self.public_host:
            return self.public_host
        return "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host

    @property
    def prefect_url(self) -> str:
        return f"http://{_bracketed(self.reached_at)}:{self.prefect_port}"

    @property
    def metrics_url(self) -> str:
        """The address that Prometheus asks. Empty if there is no endpoint."""
        return f"http://{_bracketed(self.reached_at)}:{self.metrics_port}/metrics" if self.metrics_port else ""

    @property
    def mlflow_url(self) -> str:
        return f"http://{_bracketed(self.reached_at)}:{self.mlflow_port}"


class ServiceAddress(BaseModel):
    """The addresses of a running service."""

    model_config = ConfigDict(frozen=True)

    prefect: str
    mlflow: str


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach `host`. For names other than localhost, return False."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_exposure(config: ServiceConfig) -> None:
    """Raise RequestError if other machines could reach servers without a password or with an easily guessed one."""
    auth = read_auth()
    if not config.is_local and auth is None:
        raise RequestError(
            f"host is {config.host!r}, which other machines can reach, and there is no password: set "
            "SHARDGAN_AUTH=name:password, so that both servers ask for it, or listen on 127.0.0.1"
        )
    if not config.login and (auth or not config.is_local):
        raise RequestError("login is off, but SHARDGAN_AUTH is set: unset it, or switch login on")
    if auth and len(auth.password) < MIN_PASSWORD:
        raise RequestError(
            f"the password in SHARDGAN_AUTH has {len(auth.password)} characters: choose one with {MIN_PASSWORD} or more"
        )


def choose_auth(config: ServiceConfig) -> Auth | None:
    """Return the name and password for both servers: `SHARDGAN_AUTH`, or those made for this home. None: no login."""
    if not config.login:
        return None
    return read_auth() or make_password(home())


def client_environment(config: ServiceConfig, auth: Auth | None) -> Environment:
    """Return the environment of every process of the service: the addresses of the servers and the state."""
    here = home()
    return {
        "SHARDGAN_HOME": here.shared,
        "PREFECT_API_URL": f"{config.prefect_url}/api",
        "PREFECT_HOME": str(here.root / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "MLFLOW_TRACKING_URI": config.mlflow_url,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        PARENT_PID: str(os.getpid()),
        SERVICE_HOME: str(here.root),
        **auth_environment(auth),
    }


def guard_environment(config: ServiceConfig, port: int) -> Environment:
    """Return the variables with a server's allowed host names and origins."""
    names = sorted({config.reached_at, config.host} - {"0.0.0.0", "::"})
    origins = {f"http://{_bracketed(name)}:{port}" for name in (config.reached_at, "localhost", "127.0.0.1")}
    return {ALLOWED_HOSTS: ",".join(names), ALLOWED_ORIGINS: ",".join(sorted(origins))}


def read_list(name: str) -> list[str]:
    """Return the comma-separated values in a variable."""
    return [value.strip() for value in os.environ.get(name, "").split(",") if value.strip()]


def prefect_environment(config: ServiceConfig, auth: Auth | None) -> Environment:
    """Return the additional environment of the Prefect server."""
    guard = guard_environment(config, config.prefect_port)
    environment = {
        **guard,
        "PREFECT_SERVER_API_HOST": config.host,
        "PREFECT_SERVER_API_PORT": str(config.prefect_port),
        "PREFECT_UI_API_URL": f"{config.prefect_url}/api",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": guard[ALLOWED_ORIGINS],
        # A restart of the server loses leases in memory, and a training that held one is then cancelled.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
    if database := database_url("prefect"):
        url = database.replace("postgresql", "postgresql+asyncpg", 1)
    else:
        url = sqlite_uri(home().root / "prefect" / "prefect.db", "sqlite+aiosqlite")
    environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = url
    if auth:
        environment["PREFECT_SERVER_API_AUTH_STRING"] = f"{auth.name}:{auth.password}"
    return environment


def mlflow_environment(config: ServiceConfig) -> Environment:
    """Return the additional environment of the MLflow server."""
    here = home()
    return {
        **guard_environment(config, config.mlflow_port),
        **artifact_environment(here),
        "MLFLOW_HOST": config.host,
        "MLFLOW_PORT": str(config.mlflow_port),
        "MLFLOW_BACKEND_STORE_URI": database_url("mlflow") or here.backend_uri,
        # Job execution takes half a gigabyte, and nothing here uses it.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def database_url(name: str) -> str:
    """Return the URL of the database `name` if `SHARDGAN_DATABASE_URL` names a server. Empty: SQLite.

    Raises RequestError if it names something else.
    """
    given = os.environ.get(DATABASE_URL, "")
    if not given:
        return ""
    url = urlsplit(given)
    if url.scheme not in ("postgresql", "postgres") or not url.hostname or url.path.strip("/"):
        raise RequestError(
            f"{DATABASE_URL} does not name a server ({url.scheme}://{url.hostname or ''}{url.path}): expected "
            "postgresql://user:password@host:port, without a database; `prefect` and `mlflow` are created there"
        )
    return url._replace(scheme="postgresql", path=f"/{name}").geturl()


@contextlib.contextmanager
def announce(config: ServiceConfig, here: Home) -> Iterator[None]:
    """Hold the lock of this home's only service, and let commands on this machine find the service.

    Raises RequestError if another service runs on this home.
    """
    here.root.mkdir(parents=True, exist_ok=True)
    with here.service_file.open("a+") as file:
        here.service_file.chmod(0o600)
        try:
            # Not filelock, which has only exclusive locks. find_service needs a shared lock: two commands that check at
            # the same time must not mistake each other for the service.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RequestError(f"a service already runs on {here.root}: stop it first, or set SHARDGAN_HOME") from error
        address = ServiceAddress(prefect=f"{config.prefect_url}/api", mlflow=config.mlflow_url)
        file.truncate(0)
        file.write(json.dumps(address.model_dump()))
        file.flush()
        yield


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class WorkerConfig(Settings):
    """The pool to work for."""

    pool: str = Field(
        title="Work pool", min_length=1, max_length=100, description="work pool: cpu, or gpu for training"
    )
    name: str = Field(
        "",
        max_length=200,
        title="Name",
        description="name of the worker in the UI; empty: pool and machine. Each worker needs its own name",
    )


class DoctorConfig(Settings):
    """Settings of the doctor."""

    timeout_seconds: float = Field(
        10.0, gt=0, le=600, title="Timeout", description="longest time for the answer of a server, in seconds"
    )
