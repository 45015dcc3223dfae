"""Paths and URIs of one installation, and defaults for torch, Prefect and MLflow. The latter work without a server.

One root, `SHARDGAN_HOME` (default `./.shardgan`), holds datasets/, runs/, mlflow.db, mlartifacts/ and prefect/.
With servers, only `PREFECT_API_URL` and `MLFLOW_TRACKING_URI` differ. If neither is set and `shardgan up` runs on this
home, both point to its servers. Both servers ask for the name and password in `SHARDGAN_AUTH=name:password`. If it is
not set, `shardgan up` makes a password, and commands on this home read it from a file.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from tasks.reports.printable import without_password

DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # If MLflow is down, a call fails within seconds and the replay tries again. MLflow's defaults block for minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    # The temporary server's first start migrates a new database: 10-20 s on two cores, minutes on a very busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "600",
    # Events are stored in transactions of this many instead of 20. Fewer transactions let SQLite keep up with more
    # events. Those that are not stored yet wait in memory, and Prefect drops new ones when 10,000 of them wait.
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "shards,models,tasks",
}

# How often a thread of torch looks for work before it sleeps. The default of libgomp is 300,000 times, so the threads
# of a training wait for each other at full load. Where another program needs a core, a step then takes 13 times as long
# (benchmarks/results/waiting-threads.md). OMP_WAIT_POLICY in the environment comes first.
SPINS = "1000"

# A character outside this list may mean something else in a URI than in a folder's name.
ODD = re.compile(r"[^\w./~@+=,:\- ]")
ADDRESS_SECONDS = 5.0
TEMPORARY = "shardgan-temporary"  # user name for a server that ends with its command
OWN_SERVER = "SHARDGAN_TEMPORARY_SERVER"  # set in a command that has started such a server

# The environment cannot change this: a pickle is a program, and our models do not need one.
ENFORCED = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}


@dataclass(frozen=True)
class Home:
    """The root folder and the paths in it. `shared` is the URI where dataset versions and runs are kept."""

    root: Path
    shared: str

    @property
    def is_remote(self) -> bool:
        """Return whether `shared` is a bucket. `root` is then this machine's working copy."""
        return "://" in self.shared

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def features(self) -> Path:
        """Feature caches, keyed by content. They may be deleted."""
        return self.root / "features"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def service_file(self) -> Path:
        """The file with the addresses of the service on this home. The service locks it while it runs."""
        return self.root / "service.json"

    @property
    def password_file(self) -> Path:
        """The file with the password that `shardgan up` made. Only its owner may read it."""
        return self.root / "service.password"

    @property
    def mlartifacts(self) -> Path:
        return self.root / "mlartifacts"

    @property
    def mlflow_database(self) -> Path:
        return self.root / "mlflow.db"

    @property
    def backend_uri(self) -> str:
        """The URI of the SQLite file under the root."""
        return sqlite_uri(self.mlflow_database)

    @property
    def tracking_uri(self) -> str:
        """`MLFLOW_TRACKING_URI`, or SQLite under the root."""
        return os.environ.get("MLFLOW_TRACKING_URI") or self.backend_uri

    @property
    def shown_tracking_uri(self) -> str:
        """The tracking URI without a password, for people and logs."""
        return without_password(self.tracking_uri)

    @property
    def serves_itself(self) -> bool:
        """Return whether MLflow uses the SQLite file under the root instead of a server."""
        return self.tracking_uri == self.backend_uri


def home() -> Home:
    """Return the home that the environment names: a folder, or a URI with a working copy `$SHARDGAN_SCRATCH/home-…`."""
    named = os.environ.get("SHARDGAN_HOME") or ".shardgan"
    if "://" in named:
        scratch = Path(os.environ.get("SHARDGAN_SCRATCH") or "~/.cache/shardgan").expanduser().absolute()
        return Home(scratch / f"home-{hashlib.sha256(named.encode()).hexdigest()[:12]}", named.rstrip("/"))
    root = Path(named).expanduser().absolute()
    return Home(root, str(root))


def sqlite_uri(path: Path, scheme: str = "sqlite") -> str:
    """Return the URI of the SQLite database at the absolute `path`.

    In such a URI, `?`, `#`, `%` and quotes have a special meaning for SQLAlchemy, MLflow and Prefect. A folder with
    such a name is therefore reached through a symbolic link in the user's cache.
    """
    if ODD.search(str(path)):
        digest = hashlib.sha256(str(path.parent).encode()).hexdigest()[:16]
        link = Path("~/.cache/shardgan/homes").expanduser() / digest
        link.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            link.symlink_to(path.parent)
        path = link / path.name
    return f"{scheme}:///{path}"


def apply_defaults() -> None:
    """Set the variables that the environment does not set. Must run before Prefect is imported for the first time."""
    os.environ.update(ENFORCED)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    service = find_service(home())
    if not {"PREFECT_API_URL", "MLFLOW_TRACKING_URI"} & os.environ.keys():
        os.environ.update(service)
    if service and os.environ.get("PREFECT_API_URL") == service["PREFECT_API_URL"] and read_auth() is None:
        os.environ.update(auth_environment(read_password(home())))
    if auth := read_auth():
        for name, value in auth_environment(auth).items():
            if os.environ.get(name, TEMPORARY).startswith(TEMPORARY):
                os.environ[name] = value
    if "PREFECT_API_URL" not in os.environ:
        os.environ.setdefault("PREFECT_HOME", str(home().root / "prefect"))
        # Only this command uses the temporary server.
        os.environ.setdefault("PREFECT_API_AUTH_STRING", f"{TEMPORARY}:{secrets.token_urlsafe()}")
        database = Path(os.environ["PREFECT_HOME"]).absolute() / "prefect.db"
        if ODD.search(str(database)):
            os.environ.setdefault("PREFECT_SERVER_DATABASE_CONNECTION_URL", sqlite_uri(database, "sqlite+aiosqlite"))
        # make_prefect_home creates it when it is needed.
        warnings.filterwarnings("ignore", message="Failed to create the Prefect home directory")


def uses_temporary_server() -> bool:
    """Return whether Prefect's server ends with this command: it runs no deployment, whatever its database lists."""
    return OWN_SERVER in os.environ


def make_prefect_home() -> None:
    """Create the folder in which Prefect's temporary server keeps its database."""
    if path := os.environ.get("PREFECT_HOME"):
        Path(path).mkdir(parents=True, exist_ok=True)


def find_service(home: Home) -> dict[str, str]:
    """Return the addresses of the service on `home` on this machine, as variables. Empty if no service runs."""
    try:
        with home.service_file.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: see tasks.service.settings.announce
            return {}
    except FileNotFoundError:
        return {}
    except BlockingIOError:
        address = _read_address(home.service_file)
        return {"PREFECT_API_URL": address["prefect"], "MLFLOW_TRACKING_URI": address["mlflow"]}


def _read_address(path: Path) -> dict[str, str]:
    """Read the addresses of a running service from its file. Wait if it is not written yet."""
    deadline = time.monotonic() + ADDRESS_SECONDS
    while True:
        text = path.read_text()
        try:
            address = json.loads(text)
            return {name: str(address[name]) for name in ("prefect", "mlflow")}
        except (ValueError, TypeError, KeyError) as error:
            if time.monotonic() > deadline:
                raise ValueError(
                    f"a service runs on {path.parent}, but {path.name} has no valid addresses ({text[:100]!r}): "
                    "start `shardgan up` again, or set PREFECT_API_URL and MLFLOW_TRACKING_URI"
                ) from error
        time.sleep(0.05)


@dataclass(frozen=True)
class Auth:
    """The name and password that both servers ask for."""

    name: str
    password: str = field(repr=False)


def read_auth() -> Auth | None:
    """Read `SHARDGAN_AUTH`. Return None if it is not set. Raises ValueError if it is not name:password."""
    given = os.environ.get("SHARDGAN_AUTH", "")
    return parse_auth(given, "SHARDGAN_AUTH") if given else None


def parse_auth(given: str, where: str) -> Auth:
    """Parse `name:password`. Raises ValueError, with `where` in its message, for other text."""
    name, _, password = given.partition(":")
    if not name or not password:
        raise ValueError(f"{where} has no name or no password: expected name:password")
    return Auth(name, password)


def auth_environment(auth: Auth | None) -> dict[str, str]:
    """Return the variables that tell our programs, Prefect and MLflow the name and password."""
    if auth is None:
        return {}
    return {
        "SHARDGAN_AUTH": f"{auth.name}:{auth.password}",
        "PREFECT_API_AUTH_STRING": f"{auth.name}:{auth.password}",
        "MLFLOW_TRACKING_USERNAME": auth.name,
        "MLFLOW_TRACKING_PASSWORD": auth.password,
    }


def make_password(home: Home) -> Auth:
    """Return the name and password of this home's service: existing or new ones. Only the owner may read the file.

    A file that other users can read, or could have written, is replaced. So is an incomplete file.
    """
    if found := read_password(home):
        return found
    home.root.mkdir(parents=True, exist_ok=True)
    auth = Auth("shardgan", secrets.token_urlsafe(32))
    # Written to a temporary file and moved, so that a killed process or a full disk leaves no incomplete password.
    new = home.password_file.with_name(f"{home.password_file.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{auth.name}:{auth.password}\n")
        new.replace(home.password_file)
    finally:
        new.unlink(missing_ok=True)
    return auth


def read_password(home: Home) -> Auth | None:
    """Return the name and password that `make_password` wrote.

    Return None if the file does not exist, if other users can read it, or if it is a link, a pipe or empty.
    """
    try:
        # Open without waiting: a pipe at this path would block every command forever.
        descriptor = os.open(home.password_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise
    with os.fdopen(descriptor) as file:
        facts = os.fstat(file.fileno())
        is_private = facts.st_uid == os.getuid() and not stat.S_IMODE(facts.st_mode) & 0o077
        text = file.read().strip() if stat.S_ISREG(facts.st_mode) and is_private else ""
    return parse_auth(text, str(home.password_file)) if text else None
