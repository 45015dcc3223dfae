"""Checks every request to Prefect's and MLflow's server: its password, the origin of its page, and its host name.

Both servers listen on this machine, where any web page that is open in a browser can reach them. The guard is an ASGI
middleware in front of each server. It refuses

- a `Host` that is neither an IP address nor a name of this service. With DNS rebinding, an attacker points the name of
  a page at this machine. For the browser, requests of this page are same-origin, but the page cannot change `Host`;
- an `Origin` other than the server's own, and requests that browsers mark as `Sec-Fetch-Site: cross-site` or
  `same-site`, unless a person followed a link;
- with `auth`: a request without that name and password.
"""

import base64
import binascii
import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tasks.home import Auth

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

LOGIN_PATH = "/shardgan/login"
# Programs that wait for a server request these. They reveal nothing.
OPEN_PATHS = {"/health", "/version", "/api/health", "/api/ready"}
SINGLE = (b"host", b"origin", b"authorization")  # if given twice, another value could be used than was checked
NO_HOST = re.compile(r"[^\w.:\[\]-]", re.ASCII)  # characters that no name, address or port contains
OWN_NAMES = {"localhost", "127.0.0.1", "::1"}
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"SAMEORIGIN",  # no other site may show our pages in a frame (clickjacking)
    b"referrer-policy": b"same-origin",
}


@dataclass(frozen=True)
class Refusal:
    """The reason why a request is refused."""

    status: int
    reason: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Guard:
    """An ASGI app that passes only allowed requests on to `app`.

    `hosts` are names of this service in addition to localhost and IP addresses. `origins` are origins of its own pages
    in addition to the one that a request's `Host` names. Paths that begin with one of `closed` are always refused.
    LOGIN_PATH shows `login_page`. Without `login_page` it asks for `auth` and redirects to the front page.
    """

    def __init__(
        self,
        app: App,
        hosts: Collection[str] = (),
        origins: Collection[str] = (),
        auth: Auth | None = None,
        closed: tuple[str, ...] = (),
        login_page: str = "",
    ) -> None:
        self.app = app
        self.hosts = {host.lower().strip("[]") for host in hosts} | OWN_NAMES
        self.origins = {origin.lower() for origin in origins}
        self.auth = auth
        self.closed = closed
        self.login_page = login_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if refusal := self.judge(scope):
            await _refuse(scope, receive, send, refusal)
        elif scope["type"] == "http" and scope["path"] == LOGIN_PATH:
            await self._show_login(scope, send)
        else:
            await self.app(scope, receive, _with_headers(send) if scope["type"] == "http" else send)

    def judge(self, scope: Scope) -> Refusal | None:
        """Return why a request or WebSocket is refused, or None if it is allowed."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if any(sum(name.lower() == single for name, _ in scope["headers"]) > 1 for single in SINGLE):
            return Refusal(400, "Host, Origin and Authorization may each be given only once")
        host = headers.get("host", "")
        if not self.knows(host):
            return Refusal(403, f"this service is not called {host[:200]!r}: start it with --public-host NAME")
        if "origin" in headers and not self._is_own(headers["origin"], host):
            return Refusal(403, f"pages of {headers['origin'][:200]!r} may not use this service")
        if "origin" not in headers and _comes_from_another_page(headers):
            return Refusal(403, "pages of other sites may not use this service")
        if scope["path"].startswith(self.closed) and self.closed:
            return Refusal(403, "this part of the server is switched off: shardgan does not use it")
        if (
            self.auth
            and scope["path"] not in OPEN_PATHS
            and not _is_allowed(headers.get("authorization", ""), self.auth)
        ):
            challenge = (b"www-authenticate", b'Basic realm="shardgan", charset="UTF-8"')
            return Refusal(401, "a name and a password are needed: see SHARDGAN_AUTH", (challenge,))
        return None

    def knows(self, host: str) -> bool:
        """Return whether a `Host` header names this service. Every IP address does, because DNS cannot redirect it."""
        if NO_HOST.search(host):
            return False
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self.hosts or _is_address(name)

    def _is_own(self, origin: str, host: str) -> bool:
        _, _, place = origin.lower().partition("://")
        return origin.lower() in self.origins or place == host.lower()

    async def _show_login(self, scope: Scope, send: Send) -> None:
        if self.login_page:
            policy = b"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"
            headers = [(b"content-security-policy", policy), (b"cache-control", b"no-store")]
            await _answer(send, 200, self.login_page, headers, b"text/html; charset=utf-8")
            return
        host = dict(scope["headers"])[b"host"]
        # The redirect gives the full address, so that the link's password does not stay in the browser's address bar.
        # Pages with a password in their address may not load anything.
        await _answer(send, 303, "", [(b"location", scope.get("scheme", "http").encode() + b"://" + host + b"/")])


def _comes_from_another_page(headers: dict[str, str]) -> bool:
    """Return whether the browser says that another site's page sent the request, and no person followed a link."""
    if headers.get("sec-fetch-site", "none") not in ("cross-site", "same-site"):
        return False
    followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return not followed


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_allowed(header: str, auth: Auth) -> bool:
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        decoded = base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(decoded, f"{auth.name}:{auth.password}".encode())


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason[:100]})
        return
    await _answer(send, refusal.status, refusal.reason + "\n", refusal.headers)


async def _answer(
    send: Send, status: int, text: str, headers: Iterable[tuple[bytes, bytes]], kind: bytes = b"text/plain"
) -> None:
    body = text.encode()
    start: Headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *HEADERS.items(), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in HEADERS]
            message["headers"] = [*kept, *HEADERS.items()]
        await send(message)

    return sending
