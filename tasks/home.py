"""Paths and URIs of one installation, and defaults for Prefect and MLflow, so that no server needs to be started.

One root, `SHARDGAN_HOME` (default `./.shardgan`), holds datasets/, runs/, mlflow.db, mlartifacts/ and prefect/.
With servers, only `PREFECT_API_URL` and `MLFLOW_TRACKING_URI` differ. Where neither is set and `shardgan up` runs on
this home, both point to its servers. Both servers ask for the name and password in `SHARDGAN_AUTH=name:password`;
where that is not set, `shardgan up` makes a password, and commands on this home read it from a file.
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
    # Where MLflow is down, a call fails in seconds and the replay tries again; its own defaults block for minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    # The temporary server's first start migrates a new database: 10-20 s on two cores, its limit is 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "shards,models,tasks",
}

# Characters that mean something else in a URI than in the name of a folder, or are missing from this list.
ODD = re.compile(r"[^\w./~@+=,:\- ]")
ADDRESS_SECONDS = 5.0
TEMPORARY = "shardgan-temporary"  # the name for a server that ends with its command

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
    def password_file(self) -> Path:
        """The password that `shardgan up` made; only its owner may read it."""
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
        """The tracking URI without its password, for people and logs."""
        return without_password(self.tracking_uri)

    @property
    def serves_itself(self) -> bool:
        """Whether MLflow is the SQLite file under the root, rather than a server."""
        return self.tracking_uri == self.backend_uri


def home() -> Home:
    """The home that the environment names: a folder, or a URI whose working copy is `$SHARDGAN_SCRATCH/home-…`."""
    named = os.environ.get("SHARDGAN_HOME") or ".shardgan"
    if "://" in named:
        scratch = Path(os.environ.get("SHARDGAN_SCRATCH") or "~/.cache/shardgan").expanduser().absolute()
        return Home(scratch / f"home-{hashlib.sha256(named.encode()).hexdigest()[:12]}", named.rstrip("/"))
    root = Path(named).expanduser().absolute()
    return Home(root, str(root))


def sqlite_uri(path: Path, scheme: str = "sqlite") -> str:
    """The URI of the SQLite database at the absolute `path`.

    SQLAlchemy, MLflow and Prefect take `?`, `#`, `%` and quotes in such a URI for other things than parts of a name. A
    folder with an odd name is therefore reached through a link in the user's cache.
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
    """Set what the environment leaves open. Must run before Prefect is imported for the first time."""
    os.environ.update(ENFORCED)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
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
        # The temporary server is for this command alone.
        os.environ.setdefault("PREFECT_API_AUTH_STRING", f"{TEMPORARY}:{secrets.token_urlsafe()}")
        database = Path(os.environ["PREFECT_HOME"]).absolute() / "prefect.db"
        if ODD.search(str(database)):
            os.environ.setdefault("PREFECT_SERVER_DATABASE_CONNECTION_URL", sqlite_uri(database, "sqlite+aiosqlite"))
        # It is made by make_prefect_home, when it is needed.
        warnings.filterwarnings("ignore", message="Failed to create the Prefect home directory")


def make_prefect_home() -> None:
    """Make the folder that Prefect's temporary server keeps its database in."""
    if path := os.environ.get("PREFECT_HOME"):
        Path(path).mkdir(parents=True, exist_ok=True)


def find_service(home: Home) -> dict[str, str]:
    """The addresses of the service that runs on `home` on this machine, as variables; empty where none runs."""
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
    """What a running service says in its file. One that has just started may not have written it yet: wait a little."""
    deadline = time.monotonic() + ADDRESS_SECONDS
    while True:
        text = path.read_text()
        try:
            address = json.loads(text)
            return {name: str(address[name]) for name in ("prefect", "mlflow")}
        except (ValueError, TypeError, KeyError) as error:
            if time.monotonic() > deadline:
                raise ValueError(
                    f"a service runs on {path.parent}, but {path.name} does not say where ({text[:100]!r}): "
                    "start `shardgan up` again, or set PREFECT_API_URL and MLFLOW_TRACKING_URI"
                ) from error
        time.sleep(0.05)


@dataclass(frozen=True)
class Auth:
    """The name and password that both servers ask for."""

    name: str
    password: str = field(repr=False)


def read_auth() -> Auth | None:
    """What `SHARDGAN_AUTH` says; None where it is not set. Raises ValueError where it is not name:password."""
    given = os.environ.get("SHARDGAN_AUTH", "")
    return parse_auth(given, "SHARDGAN_AUTH") if given else None


def parse_auth(given: str, where: str) -> Auth:
    """`name:password`. Raises ValueError, which names `where`, for anything else."""
    name, _, password = given.partition(":")
    if not name or not password:
        raise ValueError(f"{where} has no name or no password: expected name:password")
    return Auth(name, password)


def auth_environment(auth: Auth | None) -> dict[str, str]:
    """The variables by which our programs, Prefect and MLflow learn the name and password."""
    if auth is None:
        return {}
    return {
        "SHARDGAN_AUTH": f"{auth.name}:{auth.password}",
        "PREFECT_API_AUTH_STRING": f"{auth.name}:{auth.password}",
        "MLFLOW_TRACKING_USERNAME": auth.name,
        "MLFLOW_TRACKING_PASSWORD": auth.password,
    }


def make_password(home: Home) -> Auth:
    """The name and password of this home's service: those made before, or new ones. Only the owner may read the file.

    A file that others can read, or could have written, is replaced. So is one that was never written to its end.
    """
    if found := read_password(home):
        return found
    home.root.mkdir(parents=True, exist_ok=True)
    auth = Auth("shardgan", secrets.token_urlsafe(32))
    # Written beside it and moved: a process that is killed here, or a full disk, leaves no half of a password.
    new = home.password_file.with_name(f"{home.password_file.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{auth.name}:{auth.password}\n")
    new.replace(home.password_file)
    return auth


def read_password(home: Home) -> Auth | None:
    """The name and password that `make_password` wrote.

    None where there is no such file, where others can read it, and where it is a link, a pipe or empty.
    """
    try:
        # Without waiting: a pipe in its place would hold every command up for ever.
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
