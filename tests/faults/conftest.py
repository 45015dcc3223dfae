"""A service that can be broken, on either kind of storage, and the table of what became of it."""

import functools
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import shards
from tasks.home import home
from tasks.service.settings import ServiceConfig
from tasks.trainer.run_directory import RunDirectory
from tasks.training.stage import plan_run
from tests.conftest import free_ports, write_collection
from tests.faults.buckets import Bucket
from tests.faults.service import Service
from tests.faults.table import Row, Table
from tests.faults.training import TRAINING, Training, weights_sha256
from tests.waiting import wait_until

FOLDER, SERVERS = "SQLite and a folder", "PostgreSQL and a bucket"
POSTGRES = Path("/usr/lib/postgresql/15/bin")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


TABLE = pytest.StashKey[Table]()
TOLD = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Adds a piece to what the table says happened."""
    return request.node.stash.setdefault(TOLD, []).append


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    report = yield
    if Path(__file__).parent in item.path.parents and (report.when == "call" or report.failed):
        told = item.stash.get(TOLD, [])
        if report.failed and call.excinfo:
            told = [*told, f"{call.excinfo.typename}: {str(call.excinfo.value)[:300]}"]
        doc = (item.function.__doc__ or item.name).strip().splitlines()[0].rstrip(".")
        kept = item.callspec.params.get("service", "-") if hasattr(item, "callspec") else "-"
        if not report.skipped:
            table = item.config.stash.setdefault(TABLE, Table(os.environ.get("SHARDGAN_FAULTS_TABLE")))
            table.add(Row(doc, kept, "; ".join(told), report.duration, report.passed))
    return report


@pytest.fixture(scope="session")
def bucket_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """An S3 server of our own whose bucket can be made to refuse writes."""
    server = Bucket(tmp_path_factory.mktemp("weed"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server of our own with the service's two databases; it runs as another user than root."""
    if not POSTGRES.exists():
        pytest.skip("needs Debian's postgresql-15")
    folder, (port,) = Path(tempfile.mkdtemp(prefix="faults-postgres-")), free_ports(1)
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if prefix:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)

    def run(program: str, *words: str) -> None:
        command = [*prefix, str(POSTGRES / program), *words]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    run("initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "postgres")
    flags = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    run("pg_ctl", "-w", "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", flags, "start")
    for name in ("prefect", "mlflow"):
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", name)
    yield f"postgresql://postgres@127.0.0.1:{port}"
    run("pg_ctl", "-w", "-D", f"{folder}/data", "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture(scope="session", params=[FOLDER, SERVERS])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The whole service, on each kind of storage in turn, with the dataset `tiny`."""
    folder = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("SHARDGAN_HOME", str(folder / "home"))
        patch.setenv("SHARDGAN_SCRATCH", str(folder / "scratch"))
        if request.param == SERVERS:
            bucket = request.getfixturevalue("bucket_server")
            for name, value in bucket.environment.items():
                patch.setenv(name, value)
            patch.setenv("SHARDGAN_HOME", f"{bucket.uri}/service")
            patch.setenv("SHARDGAN_DATABASE_URL", request.getfixturevalue("postgres"))
        prefect_port, mlflow_port = free_ports(2)
        config = ServiceConfig(prefect_port=prefect_port, mlflow_port=mlflow_port)
        patch.setenv("MLFLOW_TRACKING_URI", config.mlflow_url)
        home().root.mkdir(parents=True)
        source = write_collection(folder / "pictures")
        tiny = shards.ShardConfig(source=str(source), dataset="tiny", resolution=16, val_fraction=0.3, workers=1)
        shards.build(tiny, home().shared)
        # The least that Prefect allows, and a worker that looks more often than every 10 s: tests wait for both.
        quick = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30", "PREFECT_WORKER_QUERY_SECONDS": "2"}
        running = Service(config, folder, quick)
        try:
            running.up()
            yield running
        finally:
            running.down()


@pytest.fixture(autouse=True)
def mended(request: pytest.FixtureRequest) -> None:
    """No test suffers from what another one left."""
    if "service" in request.fixturenames:
        request.getfixturevalue("service").mend()


@pytest.fixture
def begin(service: Service, request: pytest.FixtureRequest) -> Callable[..., Training]:
    """Starts `train-gan/gpu` with a run directory that no other test has, and waits until the trainer is at work."""

    def begin(**changes: Any) -> Training:
        # How many checkpoints are kept decides nothing but the run's name.
        keep = 2 + int(hashlib.sha256(request.node.name.encode()).hexdigest(), 16) % 90
        config = TRAINING.model_copy(update={"keep_checkpoints": keep, **changes})
        parameters = {"config": {"dataset": "tiny", "model": "tiny", "train": config.model_dump(mode="json")}}
        flow_run = service.submit("train-gan/gpu", parameters)
        run = RunDirectory(home().runs / plan_run("tiny", config).run)
        training = Training(service, flow_run, run)
        wait_until(lambda: run.path.exists() and training.num_ticks() >= 6, what=f"the first ticks of {run.name}")
        return training

    return begin


@functools.cache
def _uninterrupted(folder: Path) -> str:
    run = RunDirectory(folder / "uninterrupted")
    run.create(plan_run("tiny", TRAINING))
    subprocess.run([sys.executable, "-m", "tasks.trainer.worker", str(run.path)], check=True, capture_output=True)
    return weights_sha256(run)


@pytest.fixture
def uninterrupted(service: Service) -> str:
    """sha256 of the weights that the training ends in when nothing happens to it."""
    return _uninterrupted(service.folder)
