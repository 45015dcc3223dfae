"""A running service that is attacked, and a row about what happened."""

import socket
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from tasks.home import Home, find_service, read_password
from tests.waiting import wait_until

FOREIGN = "http://127.0.0.1:9"
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Outcome(NamedTuple):
    """One row."""

    tried: str
    happened: str
    held: bool

    def line(self) -> str:
        cells = (self.tried, self.happened, "held" if self.held else "**open**")
        return f"| {' | '.join(' '.join(cell.split()).replace('|', '/') for cell in cells)} |"


class Target:
    """A running service on a home, as its operator sees it."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root, str(root))
        found = find_service(self.home)
        assert found, f"no service runs on {root}"
        self.prefect, self.mlflow = found["PREFECT_API_URL"].removesuffix("/api"), found["MLFLOW_TRACKING_URI"]
        auth = read_password(self.home)
        assert auth, f"{self.home.password_file} holds no password"
        self.password = auth.password
        self.client = httpx.Client(auth=(auth.name, auth.password), timeout=120, trust_env=False)
        self.stranger = httpx.Client(timeout=120, trust_env=False)

    @property
    def servers(self) -> tuple[str, str]:
        return self.prefect, self.mlflow

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """What Prefect answers to the operator."""
        answer = self.client.request(method, f"{self.prefect}/api{path}", json=body).raise_for_status()
        return answer.json() if answer.content else None

    def deployment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/deployments/name/{name}")
        return found

    def run(self, deployment: str, parameters: dict[str, Any], **more: Any) -> str:
        """Start a run; returns its id."""
        body = {"state": {"type": "SCHEDULED"}, "parameters": parameters, "enforce_parameter_schema": False, **more}
        path = f"/deployments/{self.deployment(deployment)['id']}/create_flow_run"
        return str(self.call("POST", path, body)["id"])

    def end(self, run: str) -> dict[str, Any]:
        """The run, once it has ended."""

        found: dict[str, Any] = wait_until(lambda: self.ended(run), what=f"the end of {run}")
        return found

    def ended(self, run: str) -> dict[str, Any] | None:
        """The run, if it has ended."""
        found: dict[str, Any] = self.call("GET", f"/flow_runs/{run}")
        return found if found["state_type"] in ENDED else None


def send(url: str, request: str) -> str:
    """Send raw bytes to a server; returns the status, or what it did instead."""
    place = urlsplit(url)
    with socket.create_connection((str(place.hostname), int(place.port or 80)), timeout=60) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = connection.recv(200).decode("latin-1")
    return answer.split(" ", 2)[1] if answer.startswith("HTTP/") else "closed"
