"""Settings of the service on one machine: what its processes are told, and where commands find it while it runs.

Two environment variables choose where state is kept: `SHARDGAN_HOME` (a folder, or `s3://bucket/prefix`) and
`SHARDGAN_DATABASE_URL` (empty: SQLite under the home; `postgresql://user:password@host:port`: the databases
`prefect` and `mlflow` there). Both servers ask for a name and password: those of `SHARDGAN_AUTH=name:password`, or
ones that `shardgan up` makes.
"""

import contextlib
import fcntl
import ipaddress
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator

from models import Settings
from tasks.errors import RequestError
from tasks.home import Auth, Home, auth_environment, home, make_password, read_auth, sqlite_uri
from tasks.service.parents import PARENT_PID, SERVICE_HOME

DATABASE_URL = "SHARDGAN_DATABASE_URL"
ALLOWED_HOSTS = "SHARDGAN_ALLOWED_HOSTS"  # names under which the servers may be asked, besides localhost
ALLOWED_ORIGINS = "SHARDGAN_ALLOWED_ORIGINS"  # whose pages may ask them, besides their own
MIN_PASSWORD = 12
DEPLOY = Path(__file__).parents[2] / "deploy"
Environment = dict[str, str]


class ServiceConfig(Settings):
    """Where the servers listen, and how much runs at a time."""

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        max_length=253,
        title="Address",
        description="address that both servers listen on; one that other machines reach needs SHARDGAN_AUTH",
    )
    login: bool = Field(
        True,
        title="Login",
        description="ask for a name and password; off: every user and program of this machine may use both servers",
    )
    leftovers: Literal["refuse", "end"] = Field(
        "refuse",
        title="Leftovers",
        description="processes that an earlier service left on this home: refuse to start beside them, or end them",
    )
    prefect_port: int = Field(4200, ge=1, le=65535, title="Prefect port", description="port of the Prefect server")
    mlflow_port: int = Field(5000, ge=1, le=65535, title="MLflow port", description="port of the MLflow server")
    public_host: str = Field(
        "",
        max_length=253,
        title="Public name",
        description="name by which browsers and other machines reach this one; empty: the address",
    )
    cpu_runs: int = Field(4, ge=1, le=1000, title="CPU runs", description="flow runs at a time in the pool cpu")
    gpu_workers: int = Field(
        1,
        ge=0,
        le=64,
        title="GPU workers",
        description="workers of the pool gpu here; each trains one thing at a time",
    )

    nightly: str = Field(
        "",
        max_length=1000,
        title="Nightly config",
        description="YAML file for pipeline/nightly, as `shardgan run --config` takes; empty: it is not scheduled",
    )
    nightly_cron: str = Field(
        "0 3 * * *", max_length=100, title="Nightly schedule", description="when pipeline/nightly runs, as a cron line"
    )
    timezone: str = Field(
        "UTC", max_length=100, title="Time zone", description="of the nightly schedule, like Europe/Berlin"
    )

    @field_validator("nightly_cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        from tasks.flow_runs.schedules import check_cron  # it imports Prefect, which help and refusals do without

        check_cron(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _is_time_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("expected a name of the time zone database, like UTC or Europe/Berlin")
        return value

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches the servers."""
        return is_loopback(self.host)

    @property
    def reached_at(self) -> str:
        """The name that stands in URLs."""
        if self.public_host:
            return self.public_host
        return "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host

    @property
    def prefect_url(self) -> str:
        return f"http://{_bracketed(self.reached_at)}:{self.prefect_port}"

    @property
    def mlflow_url(self) -> str:
        return f"http://{_bracketed(self.reached_at)}:{self.mlflow_port}"


class ServiceAddress(BaseModel):
    """Where a running service is."""

    model_config = ConfigDict(frozen=True)

    prefect: str
    mlflow: str


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`. Names other than localhost count as reached by others."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_exposure(config: ServiceConfig) -> None:
    """Raise RequestError where others could reach servers that ask for no password, or for one easily guessed."""
    auth = read_auth()
    if not config.is_local and auth is None:
        raise RequestError(
            f"host is {config.host!r}, which other machines can reach, and there is no password: set "
            "SHARDGAN_AUTH=name:password, which both servers then ask for, or listen on 127.0.0.1"
        )
    if not config.login and (auth or not config.is_local):
        raise RequestError("login is off, but SHARDGAN_AUTH is set: unset it, or leave login on")
    if auth and len(auth.password) < MIN_PASSWORD:
        raise RequestError(
            f"the password in SHARDGAN_AUTH has {len(auth.password)} characters: give {MIN_PASSWORD} or more"
        )


def choose_auth(config: ServiceConfig) -> Auth | None:
    """The name and password that both servers ask for: `SHARDGAN_AUTH`, or those made for this home; None: no login."""
    if not config.login:
        return None
    return read_auth() or make_password(home())


def client_environment(config: ServiceConfig, auth: Auth | None) -> Environment:
    """What every process of the service is told: where the servers and the state are."""
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
    """Under which names a server may be asked, and by whose pages."""
    names = sorted({config.reached_at, config.host} - {"0.0.0.0", "::"})
    origins = {f"http://{_bracketed(name)}:{port}" for name in (config.reached_at, "localhost", "127.0.0.1")}
    return {ALLOWED_HOSTS: ",".join(names), ALLOWED_ORIGINS: ",".join(sorted(origins))}


def read_list(name: str) -> list[str]:
    """The values in a variable that are separated by commas."""
    return [value.strip() for value in os.environ.get(name, "").split(",") if value.strip()]


def prefect_environment(config: ServiceConfig, auth: Auth | None) -> Environment:
    """What the Prefect server is told besides."""
    guard = guard_environment(config, config.prefect_port)
    environment = {
        **guard,
        "PREFECT_SERVER_API_HOST": config.host,
        "PREFECT_SERVER_API_PORT": str(config.prefect_port),
        "PREFECT_UI_API_URL": f"{config.prefect_url}/api",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": guard[ALLOWED_ORIGINS],
        # Leases in memory are lost with the server, and a training that held one is then cancelled.
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
    """What the MLflow server is told besides."""
    here = home()
    return {
        **guard_environment(config, config.mlflow_port),
        "MLFLOW_HOST": config.host,
        "MLFLOW_PORT": str(config.mlflow_port),
        "MLFLOW_BACKEND_STORE_URI": database_url("mlflow") or here.backend_uri,
        "MLFLOW_ARTIFACTS_DESTINATION": f"{here.shared}/mlartifacts" if here.is_remote else here.mlartifacts.as_uri(),
        # Half a gigabyte for jobs that nothing here uses.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def database_url(name: str) -> str:
    """The URL of the database `name` where `SHARDGAN_DATABASE_URL` names a server; empty: SQLite.

    Raises RequestError where it names something else.
    """
    given = os.environ.get(DATABASE_URL, "")
    if not given:
        return ""
    url = urlsplit(given)
    if url.scheme not in ("postgresql", "postgres") or not url.hostname or url.path.strip("/"):
        raise RequestError(
            f"{DATABASE_URL} does not name a server ({url.scheme}://{url.hostname or ''}{url.path}): expected "
            "postgresql://user:password@host:port, without a database; `prefect` and `mlflow` are made there"
        )
    return url._replace(scheme="postgresql", path=f"/{name}").geturl()


@contextlib.contextmanager
def announce(config: ServiceConfig, here: Home) -> Iterator[None]:
    """Be the one service of this home, and let commands on this machine find it.

    Raises RequestError where another service runs on this home.
    """
    here.root.mkdir(parents=True, exist_ok=True)
    with here.service_file.open("a+") as file:
        here.service_file.chmod(0o600)
        try:
            # Not filelock: find_service asks with a shared lock, so that two commands that ask at once do not take
            # each other for the service. filelock has exclusive locks only.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RequestError(f"a service runs on {here.root} already: stop it first, or set SHARDGAN_HOME") from error
        address = ServiceAddress(prefect=f"{config.prefect_url}/api", mlflow=config.mlflow_url)
        file.truncate(0)
        file.write(json.dumps(address.model_dump()))
        file.flush()
        yield


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class WorkerConfig(Settings):
    """Which pool to work for."""

    pool: str = Field(title="Work pool", min_length=1, max_length=100, description="cpu or gpu")
    name: str = Field(
        "", max_length=200, title="Name", description="shown in the UI; empty: pool and machine, which must be alone"
    )


class DoctorConfig(Settings):
    """How patient to be."""

    timeout_seconds: float = Field(
        10.0, gt=0, le=600, title="Timeout", description="how long a server may take to answer"
    )
