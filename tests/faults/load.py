"""How SQLite carries the Prefect server: writers, events and two reconciles' worth of queries at once.

    python -m tests.faults.load SECONDS [--plain]

`--plain` starts Prefect's own `prefect server start` instead of ours, for comparison. Prints one line of JSON:
requests, requests that failed, events sent and events kept, and lines of the log that say "database is locked" or that
events were dropped.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import httpx

from tasks.home import DEFAULTS
from tasks.service.children.parents import PARENT_PID
from tasks.service.provisioning import wait_for
from tests.conftest import free_ports

WRITERS = 8
IDLE_SECONDS = 60.0
EVENT = "shardgan.test.load"


class Load:
    """Threads that write to one server until the time is over."""

    def __init__(self, url: str, seconds: float) -> None:
        self.url = url
        self.deadline = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.counts = {"requests": 0, "failed": 0, "events": 0}

    def count(self, name: str, number: int = 1) -> None:
        with self.lock:
            self.counts[name] += number

    def write(self) -> None:
        """Make a flow run, move it through its states, log and emit events: again and again."""
        with httpx.Client(base_url=self.url, timeout=120, trust_env=False) as client:
            flow = self.post(client, "/flows/", {"name": "load"})["id"]
            while time.monotonic() < self.deadline:
                run = self.post(client, "/flow_runs/", {"flow_id": flow, "state": {"type": "PENDING"}}).get("id")
                for kind in ("RUNNING", "COMPLETED"):
                    self.post(client, f"/flow_runs/{run}/set_state", {"state": {"type": kind}, "force": True})
                    self.post(client, "/flow_runs/filter", {"limit": 50})
                self.post(client, "/events", [self.event() for _ in range(5)])
                self.count("events", 5)

    def post(self, client: httpx.Client, path: str, body: object) -> dict[str, str]:
        """Ask once more where the server says that it is busy, as Prefect's own client does."""
        for _ in range(5):
            self.count("requests")
            try:
                answer = client.post(path, json=body)
            except httpx.HTTPError:
                self.count("failed")
                continue
            if answer.is_success:
                found = answer.json() if answer.content else {}
                return found if isinstance(found, dict) else {}
            self.count("failed")
            time.sleep(0.2)
        return {}

    def event(self) -> dict[str, object]:
        """One event as a flow emits it."""
        return {
            "occurred": datetime.now(UTC).isoformat(),
            "event": EVENT,
            "resource": {"prefect.resource.id": "shardgan.load"},
            "payload": {},
            "id": str(uuid.uuid4()),
        }


def main(seconds: float, plain: bool) -> None:
    """Start a server, load it, count."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment |= {"PREFECT_HOME": folder, "PREFECT_SERVER_API_PORT": str(port), "PREFECT_UI_ENABLED": "0"}
        environment |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", PARENT_PID: str(os.getpid())}
        environment |= {} if plain else DEFAULTS
        command = ["prefect", "server", "start"] if plain else ["tasks.service.prefect_server"]
        with log.open("wb") as file:
            server = subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=file, stderr=file)
        try:
            url = f"http://127.0.0.1:{port}/api"
            wait_for("Prefect", f"{url}/health", 300)
            load = Load(url, seconds)
            threads = [threading.Thread(target=load.write) for _ in range(WRITERS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            kept = count_events(url, load.counts["events"])
        finally:
            server.terminate()
            server.wait(60)
        text = log.read_text(errors="replace")
        told = {"locked": "database is locked", "dropped": "queue is full, dropping", "advised": "SQLite is too slow"}
        said = {name: len(re.findall(words, text)) for name, words in told.items()}
    print(json.dumps({"plain": plain, "seconds": seconds, **load.counts, "kept": kept, **said}))


def count_events(url: str, expected: int) -> int:
    """How many events the server has kept. It stores them by and by: count until no more come for a while."""
    wanted = {"filter": {"event": {"name": [EVENT]}}, "limit": 1}
    found, grew = 0, time.monotonic()
    while found < expected and time.monotonic() < grew + IDLE_SECONDS:
        time.sleep(1)
        before = found
        found = int(httpx.post(f"{url}/events/filter", json=wanted, timeout=120, trust_env=False).json()["total"])
        grew = time.monotonic() if found > before else grew
    return found


if __name__ == "__main__":
    main(float(sys.argv[1]), "--plain" in sys.argv)
