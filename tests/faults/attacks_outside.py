"""Attacks of a program of this machine, or of a web page, that does not know the password."""

import re
import stat
from urllib.parse import urlsplit

import httpx
import psutil
from websockets.sync.client import connect as connect_socket

from tests.faults.attack_target import FOREIGN, Outcome, Target, send


def odd_hosts(target: Target) -> Outcome:
    """Host headers that a browser or a rebound name might carry."""
    hosts = ["127.0.0.1.", "localhost.", "127.1", "2130706433", "0x7f.0.0.1", "localhost@evil.example"]
    hosts += [
        "evil.example#@127.0.0.1",
        "127.0.0.1/evil",
        "evil.example\t127.0.0.1",
        "[::ffff:evil]",
        "\xb9\xb2\xb7.0.0.1",
    ]
    told = [send(url, f"GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n") for url in target.servers for host in hosts]
    return Outcome(
        f"{len(hosts)} odd Host headers (trailing dot, short and numeric addresses, user@, #, tab) to both servers",
        f"answers {', '.join(sorted(set(told)))}",
        set(told) <= {"400", "403"},
    )


def raw_requests(target: Target) -> Outcome:
    """Request lines and headers that two readers may understand differently."""
    told = {}
    for url in target.servers:
        own = urlsplit(url).netloc
        for name, request in {
            "HTTP/1.0 without Host": "GET /api/x HTTP/1.0\r\n\r\n",
            "two Hosts": f"GET /api/x HTTP/1.1\r\nHost: evil.example\r\nHost: {own}\r\n\r\n",
            "two Origins": f"GET /api/x HTTP/1.1\r\nHost: {own}\r\nOrigin: {FOREIGN}\r\nOrigin: {url}\r\n\r\n",
            "whole URL of a foreign Host": "GET http://evil.example/api/x HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            "X-Forwarded-Host": f"GET /api/x HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: {own}\r\n\r\n",
            "line break in Host": f"GET /api/x HTTP/1.1\r\nHost: evil.example\r\n {own}\r\n\r\n",
        }.items():
            told[f"{name}: {send(url, request)}"] = None
    codes = {one.rpartition(" ")[2] for one in told}
    return Outcome("requests that two readers may understand differently", "; ".join(told), codes <= {"400", "403"})


def methods(target: Target) -> Outcome:
    """A preflight and TRACE of a foreign page."""
    told = set()
    for url in target.servers:
        for method in ("OPTIONS", "TRACE", "CONNECT", "PROPFIND"):
            headers = {
                "Origin": FOREIGN,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "x",
            }
            answer = target.stranger.request(method, f"{url}/api/flow_runs/filter", headers=headers)
            told.add(f"{answer.status_code}{' allowed' if 'access-control-allow-origin' in answer.headers else ''}")
    return Outcome(
        "preflight, TRACE, CONNECT and PROPFIND of a foreign page", f"answers {', '.join(told)}", told == {"403"}
    )


def path_tricks(target: Target) -> Outcome:
    """Spellings of paths that ask for no password, or leave the switched-off part open."""
    secret = ["/api/flow_runs/filter", "/ajax-api/2.0/mlflow/experiments/search"]
    tricks = ["/" + one for one in secret] + [f"/health/..{one}" for one in secret]
    tricks += ["/api/health/../flow_runs/filter", "/api/health%2f..%2fflow_runs/filter", "/API/flow_runs/filter"]
    tricks += [
        "/api/ready%00/flow_runs/filter",
        "/version/../ajax-api/2.0/mlflow/experiments/search",
        "/api;/flow_runs/filter",
    ]
    tricks += (
        [f"{one}%20" for one in secret] + [f"{one}/health" for one in secret] + [f"{one}?/health" for one in secret]
    )
    leaks = []
    for url in target.servers:
        own = urlsplit(url).netloc
        for path in tricks:
            lines = [f"POST {path} HTTP/1.1", f"Host: {own}", "Content-Length: 2", "Content-Type: application/json"]
            if send(url, "\r\n".join([*lines, "", "{}"])).startswith("2"):
                leaks.append(path)
    closed = ["//ajax-api/3.0/mlflow/assistant", "/ajax-api/3.0/mlflow/%61ssistant", "/AJAX-API/3.0/mlflow/assistant"]
    closed += ["/ajax-api/3.0/mlflow/./assistant", "/x/../ajax-api/3.0/mlflow/assistant/config"]
    for path in closed:
        answer = target.client.get(f"{target.mlflow}{path}")
        if answer.is_success and "json" in answer.headers.get("content-type", ""):
            leaks.append(path)
    return Outcome(
        f"{len(tricks)} spellings of paths without the password, {len(closed)} of MLflow's assistant with it",
        f"answered: {', '.join(leaks) or 'none'}",
        not leaks,
    )


def every_route(target: Target) -> Outcome:
    """Each route that the servers' own descriptions name, without the password."""
    found = target.client.get(f"{target.prefect}/api/openapi.json").json()["paths"]
    told: dict[str, int] = {}
    for path, kinds in found.items():
        for method in kinds:
            address = f"{target.prefect}{path if path.startswith('/api') else '/api' + path}"
            address = re.sub(r"{[^}]*}", "00000000-0000-0000-0000-000000000000", address)
            told[f"{method.upper()} {path}"] = target.stranger.request(method, address).status_code
    answered = sorted(name for name, status in told.items() if status != httpx.codes.UNAUTHORIZED)
    return Outcome(
        f"all {len(told)} operations of Prefect's API without the password",
        f"answered: {', '.join(answered) or 'none'}",
        all(name.endswith(("/health", "/ready", "/version")) for name in answered),
    )


def sockets(target: Target) -> Outcome:
    """Prefect's WebSockets: with a foreign Origin, and with the right one but a wrong password."""
    told = {}
    for path in ("/api/events/in", "/api/events/out", "/api/logs/out", "/api/work_queues/x"):
        url = target.prefect.replace("http", "ws") + path
        for name, origin, token in (("foreign page", FOREIGN, target.password), ("wrong password", None, "wrong")):
            try:
                with connect_socket(url, origin=origin, subprotocols=["prefect"], open_timeout=60) as one:  # type: ignore
                    one.send(f'{{"type": "auth", "token": "{token}"}}')
                    told[f"{path} {name}"] = f"answered {one.recv(timeout=60)!r}"
            except Exception as error:
                told[f"{path} {name}"] = f"refused ({type(error).__name__})"
    opened = [f"{name}: {what}" for name, what in told.items() if "auth_success" in what or '"type":"event"' in what]
    return Outcome(
        "Prefect's WebSockets from a foreign page, and with a wrong password",
        "; ".join(opened) or f"{len(told)} refused",
        not opened,
    )


def where_the_password_is(target: Target) -> Outcome:
    """Command lines, logs, and files of the home that others can read."""
    places = []
    for process in psutil.process_iter():
        try:
            if target.password in " ".join(process.cmdline()):
                places.append(f"command line of {process.pid}")
        except psutil.Error:
            continue
    for path in target.home.root.rglob("*"):
        if path.is_file() and not path.is_symlink() and target.password.encode() in path.read_bytes():
            mode = stat.S_IMODE(path.stat().st_mode)
            if path != target.home.password_file or mode & 0o077:
                places.append(f"{path.relative_to(target.home.root)} ({mode:o})")
    return Outcome(
        "the password in command lines, logs, databases and files of the home",
        "; ".join(places) or "only in its file",
        not places,
    )
