"""The server that a command starts for itself: whole databases, nobody else's requests, and an end with its command."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.waiting import wait_until

COMMAND = """
import sys
from tasks.home import apply_defaults, make_prefect_home
apply_defaults()
make_prefect_home()
from tasks.service.temporary_server import TemporaryServer
TemporaryServer.start()
server = TemporaryServer.of_this_process()
server.begin()
server.wait()
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    client.hello()
    print(client.api_url, flush=True)
    sys.stdin.read()
"""


def start() -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def kill(command: "subprocess.Popen[bytes]") -> None:
    """SIGKILL, after which the server has to end by itself."""
    (server,) = psutil.Process(command.pid).children()
    assert "tasks.service.children.temporary" in server.cmdline()
    command.send_signal(signal.SIGKILL)
    command.wait()
    _, left = psutil.wait_procs([server], timeout=60)
    assert not left


@pytest.mark.slow
def test_a_temporary_server_is_for_its_command_alone(
    home_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # without a template the tables take seconds
    first = start()
    aside = home_dir / "prefect" / ".prefect.db.new"
    wait_until(lambda: aside.exists() and aside.stat().st_size > 100_000, alive=first, what="the making of tables")
    kill(first)  # in the middle of it
    assert not (home_dir / "prefect" / "prefect.db").exists()

    second = start()
    assert second.stdout is not None
    url = second.stdout.readline().decode().strip().rstrip("/")
    assert url, "the command that came after could not use the home"
    assert httpx.get(f"{url}/health", trust_env=False).status_code == 200
    assert httpx.get(f"{url}/admin/version", trust_env=False).status_code == 401
    assert httpx.post(f"{url}/flows/filter", json={}, trust_env=False).status_code == 401
    foreign = {"Origin": "http://127.0.0.1:9"}
    assert httpx.get(f"{url}/health", headers=foreign, trust_env=False).status_code == 403
    assert httpx.get(f"{url}/health", headers={"Host": "rebound.example"}, trust_env=False).status_code == 403
    kill(second)
