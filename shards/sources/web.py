"""Downloads images that a listing names by https URLs: only from public addresses, and only up to a maximal size.

An untrusted listing must not make this machine send requests into its own network. Every host is resolved here, each of
its addresses must be public, and the connection goes to the address that was checked, without resolving the name again.
A redirect is a new URL and is checked like the first one. Environment variables for proxies are ignored.

A person may name a listing or a folder on a server of the own network. Files of this one server, its origin, may then
be fetched as well, without TLS too if the person wrote http.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import SplitResult, urljoin, urlsplit

from shards.errors import RefusedError

TIMEOUT_SECONDS = 20.0
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PIECE_BYTES = 2**16
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # IPv4 addresses that are reached through a gateway
_HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "shardgan"}

Allowed = Callable[[str], bool]


def is_public(address: str) -> bool:
    """Say whether an IP address is on the public internet, and not of this machine, a private network or a cloud."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(ip.packed[-4:]) if ip in _NAT64 else None)
        if inner and not is_public(str(inner)):
            return False
        if ip.ipv4_mapped:
            return True
    return ip.is_global and not ip.is_multicast


def fetch_url(
    url: str,
    max_bytes: int,
    allowed: Allowed = is_public,
    context: ssl.SSLContext | None = None,
    origin: str = "",
) -> bytes:
    """Return the bytes at an https URL, or at any URL that begins with `origin`, as in `http://host:8000/`.

    Raises RefusedError when the URL is not allowed, fails or gives too many bytes.
    """
    deadline = time.monotonic() + TIMEOUT_SECONDS
    for _ in range(_MOST_REDIRECTS + 1):
        own = bool(origin) and url.startswith(origin)
        parts = _checked_url(url, own)
        connection: http.client.HTTPConnection
        if own and parts.scheme == "http":
            connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
        else:
            connection = _Connection(parts, _any_address if own else allowed, context or _context())
        try:
            answer = _ask(connection, parts)
            if answer.status not in _REDIRECTS:
                return _body(answer, max_bytes, deadline)
            url = urljoin(url, answer.getheader("Location", ""))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RefusedError("unreadable", f"the URL cannot be fetched: {error or type(error).__name__}") from error
        finally:
            connection.close()
    raise RefusedError("unreadable", f"the URL redirects more than {_MOST_REDIRECTS} times")


def _any_address(_address: str) -> bool:
    return True


def _checked_url(url: str, own: bool) -> SplitResult:
    try:
        parts = urlsplit(url)
        if (
            parts.scheme in (("https", "http") if own else ("https",))
            and parts.hostname
            and not (parts.username or parts.password)
        ):
            parts.port  # noqa: B018  raises ValueError when it is not a port
            return parts
    except ValueError as error:
        raise RefusedError("url_not_allowed", f"the URL is not valid: {error}") from error
    raise RefusedError(
        "url_not_allowed", "a listing may name an image by a path, a URI in a bucket or an https URL without a password"
    )


class _Connection(http.client.HTTPSConnection):
    """A connection to exactly the address that was checked."""

    def __init__(self, parts: SplitResult, allowed: Allowed, context: ssl.SSLContext) -> None:
        port = parts.port or http.client.HTTPS_PORT  # the base class would take the end of an IPv6 address for a port
        super().__init__(parts.hostname or "", port, timeout=TIMEOUT_SECONDS, context=context)
        self._allowed, self._tls = allowed, context

    def connect(self) -> None:
        """Resolve the host, refuse it if any of its addresses is not allowed, and connect."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = [str(place[0]).partition("%")[0] for *_, place in found]
        if refused := [address for address in addresses if not self._allowed(address)]:
            raise RefusedError(
                "url_not_allowed", f"the host {self.host!r} has the address {refused[0]}, which is not public"
            )
        plain = socket.create_connection((addresses[0], self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def _ask(connection: http.client.HTTPConnection, parts: SplitResult) -> http.client.HTTPResponse:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("GET", target, headers=_HEADERS)
    return connection.getresponse()


def _body(answer: http.client.HTTPResponse, max_bytes: int, deadline: float) -> bytes:
    if answer.status != http.client.OK:
        raise RefusedError("unreadable", f"the server answers with status {answer.status}")
    data = bytearray()
    while piece := answer.read1(_PIECE_BYTES):
        data += piece
        if len(data) > max_bytes:
            raise RefusedError(
                "file_too_large", f"the file has more than {max_bytes} bytes, the limit set by max_file_bytes"
            )
        if time.monotonic() > deadline:
            raise RefusedError("unreadable", f"the download took longer than {TIMEOUT_SECONDS:g} seconds")
    if answer.length:
        raise RefusedError("unreadable", "the connection ended before the end of the file")
    return bytes(data)


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
