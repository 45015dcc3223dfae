"""Attacks of somebody who has the password and may start runs; and a worker that is frozen."""

import socket
import uuid
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from tests.faults.attack_target import Outcome, Target
from tests.waiting import wait_until


def job_variables(target: Target) -> Outcome:
    """With the password: job variables in other spellings, and set after the run was made."""
    trace = target.home.root / "pwned-variables"
    command = f"touch {trace}"
    tries: list[dict[str, Any]] = [{"command": command}, {"env": {"PYTHONSTARTUP": "x"}}, {" command": command}]
    tries += [
        {"Command": command},
        {"job_configuration": {"command": command}},
        {"env.PATH": "/tmp"},
        {"name": "; " + command},
    ]
    runs = [
        target.run("rollback-model/restore-previous-champion", {"config": {"model": "none"}}, job_variables=one)
        for one in tries
    ]
    later = target.run(
        "rollback-model/restore-previous-champion",
        {"config": {"model": "none"}},
        state={"type": "SCHEDULED", "state_details": {"scheduled_time": "2100-01-01T00:00:00Z"}},
    )
    target.call("PATCH", f"/flow_runs/{later}", {"job_variables": {"command": command}})
    target.call("POST", f"/flow_runs/{later}/set_state", {"state": {"type": "SCHEDULED"}, "force": True})
    told = [target.end(run)["state_name"] for run in [*runs, later]]
    return Outcome(
        "with the password: job variables in seven spellings, and put into a run after it was made",
        f"runs ended as {', '.join(told)}; {'executed' if trace.exists() else 'nothing executed'}",
        not trace.exists() and told[-1] == "Refused" and told[0] == "Refused",
    )


def automation(target: Target) -> Outcome:
    """With the password: an automation that starts a run with job variables."""
    trace = target.home.root / "pwned-automation"
    body = {
        "name": "attack",
        "trigger": {"type": "event", "posture": "Reactive", "expect": ["attack"], "threshold": 1, "within": 0},
        "actions": [
            {
                "type": "run-deployment",
                "source": "selected",
                "deployment_id": target.deployment("rollback-model/restore-previous-champion")["id"],
                "parameters": {"config": {"model": "by-automation"}},
                "job_variables": {"command": f"touch {trace}"},
            }
        ],
    }
    made = target.call("POST", "/automations/", body)["id"]
    event = {"occurred": "2030-01-01T00:00:00Z", "event": "attack", "id": "00000000-0000-0000-0000-00000000000a"}
    event |= {"resource": {"prefect.resource.id": "attack"}, "payload": {}}  # type: ignore[dict-item]
    before = {run["id"] for run in target.call("POST", "/flow_runs/filter", {"limit": 200})}

    def fired() -> list[str]:
        event.update(occurred=datetime.now(UTC).isoformat(), id=str(uuid.uuid4()))
        target.call("POST", "/events", [event])
        runs = target.call("POST", "/flow_runs/filter", {"limit": 200})
        return [
            one["id"]
            for one in runs
            if one["id"] not in before and one["parameters"].get("config") == {"model": "by-automation"}
        ]

    (run, *_) = wait_until(fired, what="the automation's run")
    ended = target.end(run)["state_name"]
    target.call("DELETE", f"/automations/{made}")
    return Outcome(
        "with the password: an automation that starts a run with a command",
        f"the run ended as {ended}; {'executed' if trace.exists() else 'nothing executed'}",
        not trace.exists(),
    )


def changed_template(target: Target) -> Outcome:
    """With the password: the pool's template gets its command back."""
    trace = target.home.root / "pwned-template"
    pool = target.call("GET", "/work_pools/cpu")
    template = pool["base_job_template"]
    changed = {**template, "job_configuration": {**template["job_configuration"], "command": f"touch {trace}"}}
    target.call("PATCH", "/work_pools/cpu", {"base_job_template": changed})
    run = target.run("rollback-model/restore-previous-champion", {"config": {"model": "none"}})
    # A command that is not the flow's own never ends the run.
    ended = wait_until(lambda: "nothing" if trace.exists() else target.ended(run), what=f"the end of {run}")
    target.call("PATCH", "/work_pools/cpu", {"base_job_template": template})
    ended = ended if isinstance(ended, str) else ended["state_name"]
    return Outcome(
        "with the password: a command put into the work pool's template",
        "the command was executed on the worker" if trace.exists() else f"the run ended as {ended}; nothing executed",
        not trace.exists(),
    )


def changed_deployment(target: Target) -> Outcome:
    """With the password: another entrypoint and pull steps for a deployment of ours."""
    trace = target.home.root / "pwned-deployment"
    found = target.deployment("rollback-model/restore-previous-champion")
    step = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {trace}"}}
    made = target.call(
        "POST",
        "/deployments/",
        {
            "name": "attack",
            "flow_id": found["flow_id"],
            "work_pool_name": "cpu",
            "entrypoint": found["entrypoint"],
            "pull_steps": [step],
            "enforce_parameter_schema": False,
        },
    )["id"]
    run = target.call("POST", f"/deployments/{made}/create_flow_run", {"state": {"type": "SCHEDULED"}})["id"]
    ended = target.end(run)
    target.call("DELETE", f"/deployments/{made}")
    return Outcome(
        "with the password: a deployment of one's own whose pull steps are a shell script",
        f"the run ended as {ended['state_name']}; {'executed' if trace.exists() else 'nothing executed'}",
        not trace.exists(),
    )


def forms(target: Target) -> Outcome:
    """With the password: parameters that name other places."""
    marks = set(Path("/tmp").glob("attack-*"))
    tries = {
        "build-dataset/images-to-shards": {"shard": {"source": "/etc", "dataset": "../../../../tmp/attack-dataset"}},
        "rollback-model/restore-previous-champion": {"model": "models:/x/../../1", "why": "x"},
        "promote-model/promote-by-hand": {"model": "models:/x/../../../../etc/passwd", "why": "\x1b[2J<script>"},
        "evaluate-gan/score-and-promote": {"model": "file:///etc/passwd"},
        "generate-images/generate-dataset": {"model": "models:/m'; drop table x/1", "dataset": "/tmp/attack-images"},
        "train-gan/gpu": {"dataset": "../../../../etc/passwd"},
    }
    runs = {name: target.run(name, {"config": config}) for name, config in tries.items()}
    ended = {name: target.end(run) for name, run in runs.items()}
    new = set(Path("/tmp").glob("attack-*")) - marks
    told = "; ".join(f"{name.partition('/')[0]} {run['state_name']}" for name, run in ended.items())
    failed = all(run["state_type"] == "FAILED" for run in ended.values())
    return Outcome(
        "with the password: six forms with paths, URLs and quotes where names belong",
        f"{told}; {'written outside' if new else 'nothing outside the home written'}",
        failed and not new,
    )


def artifacts(target: Target) -> Outcome:
    """With the password: MLflow is asked for files outside of its store, and for versions from elsewhere."""
    marks = [
        "/api/2.0/mlflow-artifacts/artifacts/../../../../etc/passwd",
        "/get-artifact?path=../../etc/passwd&run_uuid=x",
    ]
    marks += [
        "/api/2.0/mlflow-artifacts/artifacts/%2e%2e/%2e%2e/service.password",
        "/static-files/../../../../etc/passwd",
    ]
    marks += ["/api/2.0/mlflow-artifacts/artifacts/..%252f..%252fservice.password"]
    marks += ["/api/2.0/mlflow-artifacts/artifacts?path=../", "/api/2.0/mlflow-artifacts/artifacts?path=/etc"]
    leaks = []
    place = urlsplit(target.mlflow)
    login = b64encode(f"shardgan:{target.password}".encode()).decode()
    for path in marks:
        with socket.create_connection((str(place.hostname), int(place.port or 80)), timeout=60) as connection:
            lines = [
                f"GET {path} HTTP/1.1",
                f"Host: {place.netloc}",
                f"Authorization: Basic {login}",
                "Connection: close",
            ]
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            answer = b""
            while part := connection.recv(65536):
                answer += part
        if b"root:" in answer or target.password.encode() in answer or b'"path":"passwd"' in answer.replace(b" ", b""):
            leaks.append(path)
    name = f"attack-{uuid.uuid4()}"
    made = target.client.post(f"{target.mlflow}/api/2.0/mlflow/registered-models/create", json={"name": name})
    for source in (
        "file:///etc",
        "/etc",
        "mlflow-artifacts:/../../etc",
        "http://169.254.169.254/",
        "file://localhost/etc",
    ):
        body = {"name": name, "source": source}
        answer = target.client.post(f"{target.mlflow}/api/2.0/mlflow/model-versions/create", json=body)
        if answer.is_success:
            leaks.append(f"a version from {source}")
    assert made.is_success, made.text
    return Outcome(
        f"with the password: {len(marks)} paths out of MLflow's file server, five versions with a source elsewhere",
        f"given: {', '.join(leaks) or 'none'}",
        not leaks,
    )


def frozen_worker(target: Target) -> Outcome:
    """A worker that is stopped with SIGSTOP while a run waits for it, then goes on."""
    workers = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            is_worker = "tasks.service.pool_worker" in words and "--pool cpu" in words
            if is_worker and process.environ().get("SHARDGAN_HOME") == str(target.home.root):
                workers.append(process)
        except psutil.Error:
            continue
    for worker in workers:
        worker.suspend()
    try:
        run = target.run("rollback-model/restore-previous-champion", {"config": {"model": "none"}})
        waiting = target.call("GET", f"/flow_runs/{run}")["state_name"]
    finally:
        for worker in workers:
            worker.resume()
    ended = target.end(run)["state_name"]
    return Outcome(
        "a worker is stopped with SIGSTOP while a run waits, then continued",
        f"{len(workers)} worker, the run was {waiting}, then {ended}",
        len(workers) == 1 and ended == "Failed",
    )
