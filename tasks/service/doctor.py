"""Checks of everything that a run needs: settings, versions, storage, GPU, servers, workers."""

import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx
import torch
from packaging.requirements import Requirement
from prefect.client.orchestration import SyncPrefectClient, get_client
from pydantic import BaseModel, ConfigDict

from shards import SourceError
from shards.storage.stores import writable_store_of
from shards.storage.uris import filesystem_of
from tasks.errors import RequestError
from tasks.home import Home, find_service, home, read_auth, read_password
from tasks.reports.printable import without_password
from tasks.service.children import parents
from tasks.service.provisioning import CPU, GPU
from tasks.service.settings import MIN_PASSWORD, DoctorConfig, database_url, is_loopback
from tasks.trainer.locks import hold, is_held

Verdict = Literal["ok", "warn", "wrong"]
MIN_FREE_BYTES = 5 * 2**30


class Finding(BaseModel):
    """The result of one check."""

    model_config = ConfigDict(frozen=True)

    what: str
    verdict: Verdict
    found: str
    mend: str = ""


class DoctorOutcome(BaseModel):
    """All findings. It is sound if nothing is wrong."""

    model_config = ConfigDict(frozen=True)

    findings: list[Finding]

    @property
    def sound(self) -> bool:
        return all(finding.verdict != "wrong" for finding in self.findings)

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        rows: list[tuple[str, str]] = []
        for finding in self.findings:
            verdict = "" if finding.verdict == "ok" else f"{finding.verdict.upper()}: "
            rows.append((finding.what, f"{verdict}{finding.found}"))
            rows += [("", f"-> {finding.mend}")] if finding.mend else []
        return [*rows, ("verdict", "ready" if self.sound else "not ready: see the problems above")]


def examine(config: DoctorConfig) -> DoctorOutcome:
    """Run every check. A check that fails to run is a finding too."""
    findings: list[Finding] = []
    for look in LOOKS:
        findings += _look(look, config)
    return DoctorOutcome(findings=findings)


def _look(look: Callable[[DoctorConfig], Iterator[Finding]], config: DoctorConfig) -> list[Finding]:
    try:
        return list(look(config))
    except Exception as error:
        what = look.__name__.removeprefix("look_at_")
        return [
            wrong(
                what,
                f"{type(error).__name__}: {error}",
                "see the message; the remaining checks of this group were skipped",
            )
        ]


def ok(what: str, found: str) -> Finding:
    return Finding(what=what, verdict="ok", found=found)


def warn(what: str, found: str, mend: str) -> Finding:
    return Finding(what=what, verdict="warn", found=found, mend=mend)


def wrong(what: str, found: str, mend: str) -> Finding:
    return Finding(what=what, verdict="wrong", found=found, mend=mend)


def look_at_versions(_config: DoctorConfig) -> Iterator[Finding]:
    """Check whether the installed packages are in the tested version ranges."""
    asked = [Requirement(text) for text in metadata.requires("shardgan") or []]
    bad = [one for one in asked if one.marker is None and not one.specifier.contains(_version(one.name), True)]
    if bad:
        found = ", ".join(f"{one.name} {_version(one.name)} (required: {one.specifier})" for one in bad)
        yield wrong("packages", found, f"pip install {shlex.join(map(str, bad))}")
    else:
        names = ("prefect", "mlflow", "torch", "sqlalchemy")
        yield ok("packages", ", ".join(f"{name} {_version(name)}" for name in names))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "0"


def look_at_settings(_config: DoctorConfig) -> Iterator[Finding]:
    """The environment."""
    servers = {name: os.environ.get(name, "") for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI")}
    given = [name for name, value in servers.items() if value]
    if len(given) == 1:
        missing = next(name for name in servers if name not in given)
        yield warn("servers", f"{given[0]} is set, {missing} is not", f"set {missing} too, or set neither of them")
    else:
        yield ok(
            "servers",
            ", ".join(map(without_password, servers.values())) if given else "none: all work runs in this process",
        )
    try:
        auth = read_auth()
    except ValueError as error:
        yield wrong("password", str(error), "SHARDGAN_AUTH=name:password")
    else:
        yield from _look_at_password(auth.password if auth else None, [servers[name] for name in given])
    try:
        if url := database_url("prefect"):
            yield ok("database", f"PostgreSQL at {urlsplit(url).hostname}")
    except RequestError as error:
        yield wrong("database", str(error), "SHARDGAN_DATABASE_URL=postgresql://user:password@host:port")


def _look_at_password(password: str | None, servers: list[str]) -> Iterator[Finding]:
    exposed = [url for url in servers if url.startswith("http") and not is_loopback(urlsplit(url).hostname or "")]
    if password is not None and len(password) < MIN_PASSWORD:
        yield wrong("password", f"{len(password)} characters", f"choose one of {MIN_PASSWORD} or more")
    elif password is None and exposed:
        yield warn(
            "password",
            f"none, for {', '.join(exposed)}",
            "start the service with SHARDGAN_AUTH, and set the same value here",
        )
    elif made := read_password(home()):
        source = home().password_file if made.password == password else "SHARDGAN_AUTH"
        yield ok(
            "password",
            f"the one in {source}"
            if password
            else "made by `shardgan up`; commands on this home read it automatically",
        )
    else:
        yield ok("password", "set" if password else "none yet: `shardgan up` makes one")


def look_at_storage(_config: DoctorConfig) -> Iterator[Finding]:
    """Check whether files in the home can be written, locked and renamed, and whether there is enough disk space."""
    here = home()
    here.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=here.root, prefix=".doctor-") as folder:
        (Path(folder) / "written").write_text("x")
        (Path(folder) / "written").replace(Path(folder) / "renamed")
        lock = Path(folder) / "lock"
        with hold(lock, "", wait_seconds=0):
            locked = is_held(lock)
    if locked:
        yield ok("home", f"{here.root} can be written to and locked")
    else:
        mend = "set SHARDGAN_HOME to a local disk or NFS 4: without locks two trainings could use one run directory"
        yield wrong("home", f"{here.root}: locks do not work here", mend)
    free = shutil.disk_usage(here.root).free
    room = f"{free / 2**30:.1f} GiB free at {here.root}"
    yield (
        ok("room", room) if free >= MIN_FREE_BYTES else warn("room", room, "free some disk space: checkpoints need it")
    )
    if here.is_remote:
        yield _look_at_bucket(here)


def _look_at_bucket(here: Home) -> Finding:
    try:
        credentials = writable_store_of(here.shared).credentials
    except SourceError as error:
        return wrong("bucket", str(error), "set SHARDGAN_HOME to a store that this installation can write to")
    try:
        filesystem, path = filesystem_of(f"{here.shared}/.doctor")
        filesystem.pipe_file(path, b"x")
        filesystem.rm_file(path)
    except Exception as error:
        mend = f"check that the bucket exists, and check {credentials}"
        return wrong("bucket", f"{here.shared}: {type(error).__name__}: {error}", mend)
    return ok("bucket", f"{here.shared} can be written to")


def look_at_gpu(_config: DoctorConfig) -> Iterator[Finding]:
    """Report the hardware for training: the GPUs or the processor."""
    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        yield ok("GPU", ", ".join(f"{card.name}, {card.total_memory / 2**30:.0f} GiB" for card in cards))
    elif shutil.which("nvidia-smi"):
        mend = "install the CUDA build of torch, and check that `nvidia-smi` lists the card"
        yield wrong("GPU", f"there is a driver, but torch {torch.__version__} finds no card", mend)
    else:
        yield warn(
            "GPU", f"none: training uses {os.cpu_count()} CPU cores", "enough for small networks and first experiments"
        )


def look_at_leftovers(_config: DoctorConfig) -> Iterator[Finding]:
    """Look for processes of a service that has ended."""
    here = home()
    if find_service(here):
        return  # the service is running, and the processes belong to it
    if left := parents.find_leftovers(here.root):
        mend = "`shardgan up --leftovers end` ends them and starts the service; trainings resume from checkpoints"
        yield wrong("leftovers", f"an earlier service left {parents.describe(left)}", mend)


def look_at_prefect(config: DoctorConfig) -> Iterator[Finding]:
    """Check the Prefect server, its setup and its workers."""
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return
    try:
        httpx.get(f"{url}/health", timeout=config.timeout_seconds, trust_env=False).raise_for_status()
        with get_client(sync_client=True) as client:
            yield _compare_versions(client)
            yield from _look_at_pools(client)
            yield from _look_at_deployments(client)
    except httpx.HTTPStatusError as error:
        mend = "set SHARDGAN_AUTH=name:password to the service's value" if _refused(error) else "see the server's log"
        yield wrong("Prefect", f"{without_password(url)} answers {error.response.status_code}", mend)
    except httpx.HTTPError as error:
        yield wrong(
            "Prefect", f"{without_password(url)}: {error}", "start it: run `shardgan up` on the machine of the service"
        )


def _compare_versions(client: SyncPrefectClient) -> Finding:
    theirs, ours = client.api_version(), _version("prefect")
    found = f"server {theirs}, here {ours}"
    same = theirs.split(".")[:2] == ours.split(".")[:2]
    return ok("Prefect", found) if same else warn("Prefect", found, "install the same version on both sides")


def _look_at_pools(client: SyncPrefectClient) -> Iterator[Finding]:
    pools = {pool.name: pool for pool in client.read_work_pools()}
    for name in (CPU, GPU):
        if name not in pools:
            yield wrong(f"pool {name}", "does not exist", "shardgan setup")
            continue
        workers = [one.name for one in client.read_workers_for_work_pool(name) if one.status == "ONLINE"]
        if pools[name].is_paused:
            yield warn(f"pool {name}", "is paused", f"prefect work-pool resume {name}")
        elif not workers:
            yield wrong(f"pool {name}", "has no worker", f"shardgan worker {name}")
        else:
            limit = pools[name].concurrency_limit
            slots = f", {limit} runs at a time" if limit is not None else ""
            yield ok(f"pool {name}", f"{', '.join(sorted(workers))}{slots}")


def _look_at_deployments(client: SyncPrefectClient) -> Iterator[Finding]:
    names = {deployment.name for deployment in client.read_deployments()}
    automations = client.read_automations()
    off = [one.name for one in automations if not one.enabled and one.name != "train-on-new-datasets"]
    if "nightly" not in names or not automations:
        yield wrong("deployments", f"{len(names)} deployments, {len(automations)} automations", "shardgan setup")
    elif off:
        yield warn(
            "automations",
            f"{', '.join(off)} switched off",
            "switch them on in the UI: they resume and close failed runs",
        )
    else:
        yield ok("deployments", f"registered, with {len(automations)} automations")


def look_at_mlflow(config: DoctorConfig) -> Iterator[Finding]:
    """Check that the tracking server answers, accepts us, and keeps artifacts where other machines find them."""
    uri, shown = home().tracking_uri, home().shown_tracking_uri
    if not uri.startswith("http"):
        yield ok("MLflow", shown)
        return
    auth = read_auth()
    try:
        answer = httpx.post(
            f"{uri}/api/2.0/mlflow/experiments/search",
            json={"max_results": 1000},
            timeout=config.timeout_seconds,
            trust_env=False,
            auth=(auth.name, auth.password) if auth else None,
        )
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        host = urlsplit(uri).hostname
        mend = f"start the service with --public-host {host}, so that MLflow knows its name"
        if _refused(error):
            mend = "set SHARDGAN_AUTH=name:password to the value of the service's first start"
        yield wrong("MLflow", f"{shown} answers {error.response.status_code}: {error.response.text[:200]}", mend)
        return
    except httpx.HTTPError as error:
        yield wrong("MLflow", f"{shown}: {error}", "start it: run `shardgan up` on the machine of the service")
        return
    yield ok("MLflow", shown)
    yield from _look_at_experiments(answer.json().get("experiments", []), home())


def _look_at_experiments(experiments: list[dict[str, str]], here: Home) -> Iterator[Finding]:
    local = [one["name"] for one in experiments if one["artifact_location"].startswith("file:")]
    if local:
        found = f"{', '.join(local)} created without the service: their artifacts are files at {here.mlartifacts}"
        yield warn(
            "experiments", found, "they work on this machine; to use them on others, train under another dataset name"
        )


def _refused(error: httpx.HTTPStatusError) -> bool:
    return error.response.status_code == httpx.codes.UNAUTHORIZED


LOOKS = (
    look_at_versions,
    look_at_settings,
    look_at_storage,
    look_at_gpu,
    look_at_leftovers,
    look_at_prefect,
    look_at_mlflow,
)
