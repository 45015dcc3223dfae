"""A web page that is open in the operator's browser attacks the service: nothing of it may arrive.

The page stands on another port of this machine, where it is nearest, and under a name that was pointed at this machine.
The browser is logged in to both servers.
"""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_service import log_in
from tests.flows.test_service import Service
from tests.waiting import wait_until

# What a page can try: JSON with and without cookies, requests that need no permission, a form, a picture, a WebSocket.
PAGE = """<!doctype html><title>kittens</title><iframe name="sink"></iframe><script>
const {prefect, mlflow, deployment, parameters, command} = TARGETS;
const run = JSON.stringify({state: {type: "SCHEDULED"}, parameters, job_variables: {command: command}});
const tries = [];
const say = (what, outcome) => tries.push([what, outcome]);
async function attempt(what, url, options) {
  try {
    const answer = await fetch(url, options);
    say(what, answer.type === "opaque" ? "sent blind" : "answered " + answer.status);
  } catch (error) { say(what, "refused by the browser"); }
}
const create = prefect + "/api/deployments/" + deployment + "/create_flow_run";
const json = {"Content-Type": "application/json"};
async function all() {
  for (const credentials of ["omit", "include"]) {
    await attempt("json", create, {method: "POST", headers: json, body: run, credentials});
    await attempt("read", prefect + "/api/admin/version", {credentials});
    await attempt("blind", create, {method: "POST", mode: "no-cors", body: run, credentials});
    await attempt("mlflow json", mlflow + "/api/2.0/mlflow/experiments/create",
      {method: "POST", headers: json, body: '{"name": "pwned"}', credentials});
    await attempt("mlflow blind", mlflow + "/ajax-api/2.0/mlflow/experiments/create",
      {method: "POST", mode: "no-cors", body: '{"name": "pwned"}', credentials});
    await attempt("mlflow read", mlflow + "/ajax-api/2.0/mlflow/experiments/search?max_results=5", {credentials});
  }
  const form = document.createElement("form");
  Object.assign(form, {action: create, method: "POST", enctype: "text/plain", target: "sink"});
  const field = document.createElement("input");
  field.name = run.slice(0, -1) + ', "name": "';
  field.value = '"}';
  form.append(field); document.body.append(form); form.submit();
  await new Promise(done => {
    const picture = new Image();
    picture.onload = () => { say("picture", "shown"); done(); };
    picture.onerror = () => { say("picture", "refused"); done(); };
    picture.src = mlflow + "/static-files/favicon.ico?not-cached=" + Math.random();
  });
  await new Promise(done => {
    const socket = new WebSocket(prefect.replace("http", "ws") + "/api/events/in");
    socket.onopen = () => { say("socket", "opened"); done(); };
    socket.onerror = () => { say("socket", "refused"); done(); };
  });
  document.title = "done";
}
all();
</script>"""


@contextlib.contextmanager
def serving(text: str) -> Iterator[int]:
    """An HTTP server of somebody else on this machine; yields its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def experiments(service: Service) -> set[str]:
    url = f"http://127.0.0.1:{service.mlflow_port}/api/2.0/mlflow/experiments/search?max_results=100"
    found = httpx.get(url, auth=service.auth, trust_env=False, timeout=60).raise_for_status().json()
    return {one["name"] for one in found["experiments"]}


@pytest.mark.slow
def test_a_page_in_the_operators_browser_can_do_nothing(service: Service, page: Page, tmp_path: Path) -> None:
    wait_until(service.is_set_up)
    log_in(page, service)
    deployment = service.call("GET", "/deployments/name/build-dataset/images-to-shards")["id"]
    trace = tmp_path / "pwned"
    parameters = {"config": {"shard": {"source": str(tmp_path), "dataset": "pwned"}}}
    targets = {"deployment": deployment, "parameters": parameters, "command": f"touch {trace}"}
    for host in ("127.0.0.1", "localhost", "rebound.example"):
        for target in ("127.0.0.1", "localhost"):
            urls = {"prefect": service.prefect_port, "mlflow": service.mlflow_port}
            content: dict[str, Any] = {**targets, **{name: f"http://{target}:{port}" for name, port in urls.items()}}
            with serving(PAGE.replace("TARGETS", json.dumps(content))) as port:
                page.goto(f"http://{host}:{port}/")
                expect(page).to_have_title("done")
                outcomes = page.evaluate("tries")
            told = {outcome for what, outcome in outcomes if "blind" not in what}
            assert told <= {"refused by the browser", "refused"}, outcomes

    # A name that was pointed at this machine makes the page same-origin with the server: it has to refuse by itself.
    for port in (service.prefect_port, service.mlflow_port):
        answer = page.goto(f"http://rebound.example:{port}/")
        assert answer is not None
        assert answer.status == 403
        assert page.evaluate("fetch('/api/health').then(answer => answer.status)") == 403

    assert service.flow_runs("build-dataset") == []
    assert "pwned" not in experiments(service)

    # Whoever may start a run, with the password, cannot make the worker execute something else either.
    body: dict[str, Any] = {"state": {"type": "SCHEDULED"}, "parameters": parameters}
    body["job_variables"] = {"command": f"touch {trace}", "env": {"A": "b"}}
    service.call("POST", f"/deployments/{deployment}/create_flow_run", body)
    (run,) = wait_until(lambda: [run for run in service.flow_runs("build-dataset") if run["state_type"] == "FAILED"])
    assert run["state_name"] == "Refused"
    assert "command, env" in run["state"]["message"]
    assert not trace.exists()
