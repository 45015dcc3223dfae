"""Who may ask the servers: names, pages and passwords, in front of a small app of our own."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tasks.home import Auth
from tasks.service.guard import LOGIN_PATH, Guard, Message

AUTH = Auth("shardgan", "a-long-enough-one")
ORIGIN = "http://127.0.0.1:4200"


async def answer(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("done", headers={"X-Frame-Options": "ALLOWALL"})


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


APP = Starlette(
    routes=[
        Route("/{path:path}", answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
        WebSocketRoute("/socket", talk),
    ]
)


def ask(guard: Guard, headers: Mapping[str, str], method: str = "POST", path: str = "/api/x") -> httpx.Response:
    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(app=guard)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            return await client.request(method, path, headers=dict(headers))

    return asyncio.run(request())


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1:9999",
        "http://127.0.0.1:9999",
        "http://localhost:9999",
        "http://127.0.0.1:4200.evil.example",
        "http://evil.example/http://127.0.0.1:4200",
        "null",
        "",
    ],
)
def test_other_pages_are_refused(method: str, origin: str) -> None:
    refused = ask(Guard(APP), {"Origin": origin}, method)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


def test_own_pages_and_programs_are_let_in() -> None:
    guard = Guard(APP, origins=["http://localhost:4200"])
    assert ask(guard, {}).text == "done"  # no browser
    assert ask(guard, {"Origin": ORIGIN}).text == "done"
    assert ask(guard, {"Origin": "http://localhost:4200", "Sec-Fetch-Site": "cross-site"}).text == "done"
    assert ask(guard, {"Sec-Fetch-Site": "same-origin"}).text == "done"
    assert ask(guard, {"Sec-Fetch-Site": "none"}).text == "done"  # typed into the address bar


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_followed_link_opens_a_page_and_nothing_else_does(site: str) -> None:
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert ask(Guard(APP), link, "GET").text == "done"
    for other in ({"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}):
        assert ask(Guard(APP), link | other, "GET").status_code == 403


@pytest.mark.parametrize(
    "host",
    [
        "rebound.evil.example:4200",
        "127.0.0.1.evil.example",
        "evil.example@127.0.0.1.nip.example:4200",
        "localhost.evil.example:4200",
        "[::1",
        "",
        "gan.example.org.evil.example",
        "127.0.0.1.",
        "localhost.",
        "127.1",
        "2130706433",
        "evil.example#@127.0.0.1",
        "127.0.0.1/evil",
        "someone@127.0.0.1:4200",
        "[::ffff:evil]",
    ],
)
def test_names_that_were_pointed_at_this_machine_are_refused(host: str) -> None:
    guard = Guard(APP, hosts=["gan.example.org"])
    refused = ask(guard, {"Host": host, "Origin": f"http://{host}"})
    assert refused.status_code == 403
    assert "--public-host" in refused.text


@pytest.mark.parametrize(
    "host", ["127.0.0.1:4200", "localhost", "LOCALHOST:1", "[::1]:4200", "192.168.1.7:4200", "gan.example.org:443"]
)
def test_own_names_and_addresses_are_known(host: str) -> None:
    assert ask(Guard(APP, hosts=["gan.example.org"]), {"Host": host}).text == "done"


@pytest.mark.parametrize("name", ["Host", "Origin", "Authorization"])
def test_headers_that_are_checked_are_given_once(name: str) -> None:
    """Of two, the one that is checked might not be the one that the server goes by."""
    headers = {"Host": "127.0.0.1:4200", "Origin": ORIGIN, "Authorization": "Basic x"}

    async def request() -> int:
        transport = httpx.ASGITransport(app=Guard(APP))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            pairs = [*headers.items(), (name.lower(), headers[name])]
            return (await client.request("POST", "/api/x", headers=pairs)).status_code

    assert asyncio.run(request()) == 400


@pytest.mark.parametrize("given", [None, "", "Basic", "Basic !!!", "Bearer a-long-enough-one", "wrong"])
def test_without_the_password_nothing_is_answered_but_health(given: str | None) -> None:
    guard = Guard(APP, auth=AUTH)
    headers = {} if given is None else {"Authorization": given}
    if given == "wrong":
        headers = {"Authorization": httpx.BasicAuth("shardgan", "a-long-enough-on")._auth_header}
    refused = ask(guard, headers)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    assert ask(guard, headers, "GET", "/health").text == "done"
    for path in ("/health/", "/x/health", "/health/../api/x", "//health"):
        assert ask(guard, headers, "GET", path).status_code == 401


def test_with_the_password_all_is_answered_and_the_login_page_leads_on() -> None:
    guard = Guard(APP, auth=AUTH)
    headers = {"Authorization": httpx.BasicAuth(AUTH.name, AUTH.password)._auth_header}
    assert ask(guard, headers).text == "done"
    led = ask(guard, headers, "GET", LOGIN_PATH)
    assert (led.status_code, led.headers["location"]) == (303, f"{ORIGIN}/")
    page = ask(Guard(APP, login_page="<p>log in</p>"), {}, "GET", LOGIN_PATH)
    assert "log in" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_no_page_elsewhere_may_frame_ours() -> None:
    assert ask(Guard(APP), {}).headers.get_list("x-frame-options") == ["SAMEORIGIN"]


def test_parts_that_are_switched_off_are_refused_with_the_password_too() -> None:
    guard = Guard(APP, auth=AUTH, closed=("/ajax-api/3.0/mlflow/assistant",))
    headers = {"Authorization": httpx.BasicAuth(AUTH.name, AUTH.password)._auth_header}
    assert ask(guard, headers, "POST", "/ajax-api/3.0/mlflow/assistant/message").status_code == 403
    assert ask(guard, headers, "POST", "/ajax-api/3.0/mlflow/runs/create").text == "done"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"host": "127.0.0.1:4200"}, "websocket.accept"),
        ({"host": "127.0.0.1:4200", "origin": ORIGIN}, "websocket.accept"),
        ({"host": "127.0.0.1:4200", "origin": "http://127.0.0.1:9999"}, "websocket.close"),
        ({"host": "rebound.evil.example"}, "websocket.close"),
    ],
)
def test_websockets_are_judged_alike(headers: dict[str, str], expected: str) -> None:
    sent = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(Guard(APP)({"type": "websocket", "path": "/socket", "headers": pairs}, receive, send))
    assert sent[0] == expected
