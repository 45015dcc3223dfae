"""Where all state lives, and the defaults under which nothing needs to be started.

One root, `SHARDGAN_HOME` (default `./.shardgan`), holds datasets/, runs/, mlflow.db, mlartifacts/ and prefect/.
Service mode differs in `PREFECT_API_URL` and `MLFLOW_TRACKING_URI` alone; where neither is set and `shardgan up`
runs on this home, both lead there. `SHARDGAN_AUTH=name:password` is what both servers ask for.
"""

import fcntl
import hashlib
import json
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from tasks.reports.printable import without_password

DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Where MLflow is down, a call fails in seconds and the replay tries again; its own defaults block for minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    # The temporary server's first start migrates a new database: 10-20 s on two cores, its limit is 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "shards,models,tasks",
}

# Whatever the environment says: a pickle is a program, and no model of ours needs one.
ENFORCED = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}


@dataclass(frozen=True)
class Home:
    """The root folder and what lies where in it; `shared` is the URI where versions of datasets and runs are kept."""

    root: Path
    shared: str

    @property
    def is_remote(self) -> bool:
        """Whether `shared` is a bucket, of which `root` is this machine's working copy."""
        return "://" in self.shared

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def features(self) -> Path:
        """Feature caches, keyed by content: safe to delete."""
        return self.root / "features"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def service_file(self) -> Path:
        """Where the service on this home listens; locked by it while it runs."""
        return self.root / "service.json"

    @property
    def mlartifacts(self) -> Path:
        return self.root / "mlartifacts"

    @property
    def tracking_uri(self) -> str:
        """`MLFLOW_TRACKING_URI`, or SQLite under the root."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def shown_tracking_uri(self) -> str:
        """The same for people and logs: without a password, as the URL of a database holds one."""
        return without_password(self.tracking_uri)

    @property
    def serves_itself(self) -> bool:
        """Whether MLflow is the SQLite file under the root, rather than a server."""
        return self.tracking_uri == f"sqlite:///{self.root / 'mlflow.db'}"


def home() -> Home:
    """The home that the environment names: a folder, or a URI whose working copy is `$SHARDGAN_SCRATCH/home-…`."""
    named = os.environ.get("SHARDGAN_HOME") or ".shardgan"
    if "://" in named:
        scratch = Path(os.environ.get("SHARDGAN_SCRATCH") or "~/.cache/shardgan").expanduser().absolute()
        return Home(scratch / f"home-{hashlib.sha256(named.encode()).hexdigest()[:12]}", named.rstrip("/"))
    root = Path(named).expanduser().absolute()
    return Home(root, str(root))


def apply_defaults() -> None:
    """Fill in what the environment leaves open; must run before Prefect is imported for the first time."""
    os.environ.update(ENFORCED)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if not {"PREFECT_API_URL", "MLFLOW_TRACKING_URI"} & os.environ.keys():
        os.environ.update(find_service(home()))
    if auth := read_auth():
        os.environ.setdefault("PREFECT_API_AUTH_STRING", f"{auth.name}:{auth.password}")
        os.environ.setdefault("MLFLOW_TRACKING_USERNAME", auth.name)
        os.environ.setdefault("MLFLOW_TRACKING_PASSWORD", auth.password)
    if "PREFECT_API_URL" not in os.environ:
        os.environ.setdefault("PREFECT_HOME", str(home().root / "prefect"))
        # It is made by make_prefect_home, when it is needed.
        warnings.filterwarnings("ignore", message="Failed to create the Prefect home directory")


def make_prefect_home() -> None:
    """Make the folder that Prefect's temporary server keeps its database in."""
    if path := os.environ.get("PREFECT_HOME"):
        Path(path).mkdir(parents=True, exist_ok=True)


def find_service(home: Home) -> dict[str, str]:
    """The addresses of the service that runs on `home` on this machine, as variables; empty where none does."""
    try:
        with home.service_file.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: see tasks.service.settings.announce
            return {}
    except FileNotFoundError:
        return {}
    except BlockingIOError:
        address = json.loads(home.service_file.read_text())
        return {"PREFECT_API_URL": address["prefect"], "MLFLOW_TRACKING_URI": address["mlflow"]}


@dataclass(frozen=True)
class Auth:
    """The name and password that both servers ask for."""

    name: str
    password: str = field(repr=False)


def read_auth() -> Auth | None:
    """What `SHARDGAN_AUTH` says; None where it is not set. Raises ValueError where it is no name:password."""
    given = os.environ.get("SHARDGAN_AUTH", "")
    if not given:
        return None
    name, _, password = given.partition(":")
    if not name or not password:
        raise ValueError("SHARDGAN_AUTH has no name or no password: expected name:password")
    return Auth(name, password)
