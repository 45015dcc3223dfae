"""A real S3 server on this machine (SeaweedFS), reached through a proxy that adds latency."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUCKET = "tiles"
WEED = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
KEYS = {"AWS_ACCESS_KEY_ID": "bench-access", "AWS_SECRET_ACCESS_KEY": "bench-secret", "AWS_DEFAULT_REGION": "us-east-1"}
PORTS = ("master.port", "volume.port", "filer.port", "s3.port", "master.port.grpc", "volume.port.grpc")
PORTS += ("filer.port.grpc", "s3.port.grpc")
SECONDS = 60


@contextmanager
def serve(folder: Path, content: Path) -> Iterator[int]:
    """Serve S3 with the files of `content` in the bucket BUCKET, and give its port."""
    ports = free_ports(len(PORTS))
    identity = {
        "name": "bench",
        "credentials": [{"accessKey": KEYS["AWS_ACCESS_KEY_ID"], "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    folder.mkdir()
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    flags = [f"-{name}={port}" for name, port in zip(PORTS, ports, strict=True)]
    flags += [f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={folder}/s3.json"]
    flags += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.volumeSizeLimitMB=256", "-volume.max=32"]
    with _running([str(WEED), "-logtostderr=true", "server", *flags, "-master.telemetry=false"], folder / "log"):
        upload(environment(ports[3]), content)
        yield ports[3]


@contextmanager
def delayed(port: int, milliseconds: float, folder: Path) -> Iterator[dict[str, str]]:
    """Reach the server through a proxy with this latency, or directly without one, and give the environment for it."""
    if not milliseconds:
        yield environment(port)
        return
    own = free_ports(1)[0]
    command = [sys.executable, "-m", "benchmarks.loading.proxy", str(own), str(port), str(milliseconds)]
    with _running(command, folder / f"proxy-{milliseconds}.log"):
        _wait_for(lambda: socket.create_connection(("127.0.0.1", own)).close())
        yield environment(own)


def environment(port: int) -> dict[str, str]:
    """Give the variables by which all libraries find the server."""
    address = f"http://127.0.0.1:{port}"
    return KEYS | {"AWS_ENDPOINT_URL": address, "S3_ENDPOINT_URL": address}


def upload(variables: dict[str, str], content: Path) -> None:
    """Copy a folder into the new bucket."""
    import s3fs

    store = s3fs.S3FileSystem(
        key=variables["AWS_ACCESS_KEY_ID"],
        secret=variables["AWS_SECRET_ACCESS_KEY"],
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        skip_instance_cache=True,
    )
    _wait_for(lambda: store.mkdir(BUCKET))
    for path in sorted(content.rglob("*")):
        if path.is_file():
            store.put_file(str(path), f"{BUCKET}/{path.relative_to(content)}")


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _wait_for(attempt: object) -> None:
    assert callable(attempt)
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            attempt()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)
        else:
            return
