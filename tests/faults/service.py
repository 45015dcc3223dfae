"""The service's own processes, started one by one, so that each can be killed and started again."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
import psutil

from tasks.home import DEFAULTS
from tasks.service.processes import programs
from tasks.service.provisioning import wait_for
from tasks.service.settings import ServiceConfig, choose_auth, client_environment
from tests.waiting import PATIENCE_SECONDS, wait_until

FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Service:
    """Servers and workers as `shardgan up` starts them, on the state that the environment names."""

    def __init__(self, config: ServiceConfig, folder: Path, environment: dict[str, str]) -> None:
        self.config = config
        self.folder = folder
        auth = choose_auth(config)
        self.commands = {one.name: (one.command, one.environment) for one in programs(config, auth)}
        del self.commands["set-up"]
        self.environment = os.environ | DEFAULTS | client_environment(config, auth) | environment
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        # A connection that is kept would not outlive a server that is killed.
        once = httpx.Limits(max_keepalive_connections=0)
        self.http = httpx.Client(base_url=f"{config.prefect_url}/api", timeout=60, trust_env=False, limits=once)
        self.http.auth = (auth.name, auth.password) if auth else None

    def start(self, name: str, environment: dict[str, str] | None = None) -> None:
        """Start the program `name` of the service, with more in its environment if need be."""
        command, more = self.commands[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command,
                env=more | self.environment | (environment or {}),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send SIGKILL to all that runs in the process's session, or another signal to the server or worker alone."""
        process = self.running.pop(name)
        if number == signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError):  # it has died already, which the test will find out
                os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        process.wait(60)

    def up(self) -> None:
        """Start both servers, set them up, and start both workers."""
        for name in ("prefect", "mlflow"):
            self.start(name)
        self.wait_for("prefect")
        self.wait_for("mlflow")
        flags = [f"{name}={value}" for name, value in self.config.model_dump().items() if value != ""]
        self.run("setup", *flags)
        for name in ("cpu", "gpu"):
            self.start(name)

    def wait_for(self, name: str) -> None:
        """Wait until the server answers."""
        base = {"prefect": f"{self.config.prefect_url}/api", "mlflow": self.config.mlflow_url}[name]
        wait_for(name, f"{base}/health", PATIENCE_SECONDS)

    def mend(self) -> None:
        """Start what a test that failed has left dead."""
        for name in self.commands:
            if name not in self.running or self.running[name].poll() is not None:
                self.start(name)
        self.wait_for("prefect")
        self.wait_for("mlflow")

    def down(self) -> None:
        """Kill all of it."""
        children = [child for p in self.running.values() for child in psutil.Process(p.pid).children(recursive=True)]
        for name in list(self.running):
            self.stop(name)
        for child in children:
            if child.is_running():
                child.kill()
        self.http.close()

    def command(self, *words: str, **more: str) -> "subprocess.Popen[str]":
        """Start `shardgan WORDS` as a person beside the service would."""
        return subprocess.Popen(
            ["shardgan", *words],
            env=self.environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=self.folder,
        )

    def run(self, *words: str, **more: str) -> str:
        """Run `shardgan WORDS` to its end; returns what it wrote to stdout."""
        process = self.command(*words, **more)
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, errors
        return output

    def submit(self, deployment: str, parameters: dict[str, Any]) -> str:
        """Ask for a run of a deployment, as "Quick run" does; returns its id."""
        found = self.get(f"/deployments/name/{deployment}")
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self.post(f"/deployments/{found['id']}/create_flow_run", body)["id"])

    def set_state(self, flow_run: str, kind: str, name: str) -> None:
        """Ask for another state, as the UI's buttons do."""
        body = {"state": {"type": kind, "name": name}, "force": False}
        answer = self.post(f"/flow_runs/{flow_run}/set_state", body)
        assert answer["status"] == "ACCEPT", answer

    def states(self, flow_run: str) -> list[str]:
        """Names of the states that the run has been in, in order."""
        found = self.get(f"/flow_run_states/?flow_run_id={flow_run}")
        return [state["name"] for state in sorted(found, key=lambda state: state["timestamp"])]

    def wait_for_state(self, flow_run: str, *names: str) -> dict[str, Any]:
        """Wait until the run is in one of these states, or ends otherwise, which is a failure."""

        def reached() -> dict[str, Any] | None:
            try:
                run = self.flow_run(flow_run)
            except httpx.HTTPError:
                return None
            ended = run["state_type"] in {"FAILED", "CANCELLED"} - set(names)
            assert run["state_name"] in names or not ended, (self.states(flow_run), run["state"]["message"])
            return run if {run["state_name"], run["state_type"]} & set(names) else None

        found: dict[str, Any] = wait_until(reached, what=f"{' or '.join(names)} of {flow_run}")
        return found

    def messages(self, flow_run: str) -> list[str]:
        """What was said with each state of the run."""
        return [state["message"] or "" for state in self.get(f"/flow_run_states/?flow_run_id={flow_run}")]

    def change_automation(self, found: dict[str, Any], trigger: dict[str, Any]) -> None:
        """Change the trigger of an automation as it was read from the server."""
        kept = {key: found[key] for key in ("name", "description", "enabled", "actions")}
        self.call("PUT", f"/automations/{found['id']}", kept | {"trigger": found["trigger"] | trigger})

    def flow_run(self, flow_run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/flow_runs/{flow_run}")
        return found

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", path, body)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """What the Prefect server answers; asked again where it is too busy, as Prefect's own client does."""

        def ask() -> httpx.Response | None:
            found = self.http.request(method, path, json=body)
            return None if found.status_code == httpx.codes.SERVICE_UNAVAILABLE else found

        answer: httpx.Response = wait_until(ask, what=f"an answer to {method} {path}")
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None
