"""Images by an https URL: a real server with a certificate of its own on this machine, whose addresses are refused."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shards import ShardConfig, SourceError, build
from shards.errors import RefusedError
from shards.sources.source import list_entries
from shards.sources.web import fetch_url, is_public
from tests.shards.conftest import MakeImage

HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"


class Answers(http.server.BaseHTTPRequestHandler):
    """What a hostile server may say, by path."""

    seen: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.seen.append(f"{self.client_address[0]}{self.path}")
        port = self.server.server_address[1]
        moved = {
            "/moved": "/image",
            "/inside": f"https://{ELSEWHERE}:{port}/image",
            "/metadata": "http://169.254.169.254/latest/meta-data",
            "/file": "file:///etc/passwd",
            "/round": "/round",
            "/nowhere": "https://[",
        }
        if self.path in moved:
            self.send_response(302)
            self.send_header("Location", moved[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/gone" else 200)
        if self.path == "/cut":
            self.send_header("Content-Length", "1000")
        self.end_headers()
        pieces = 10_000 if self.path == "/endless" else 1
        for _ in range(pieces):
            try:
                self.wfile.write(b"x" * (2**16 if pieces > 1 else 10))
            except OSError:
                return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def certificate(folder: Path) -> Path:
    """A self-signed certificate for both of this machine's addresses, with its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(one)) for one in (HERE, ELSEWHERE)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(hours=1)).add_extension(names, critical=False)
    signed = builder.not_valid_after(now + timedelta(hours=1)).sign(key, hashes.SHA256())
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(plain + signed.public_bytes(serialization.Encoding.PEM))
    return folder / "server.pem"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ssl.SSLContext]]:
    pem = certificate(tmp_path_factory.mktemp("tls"))
    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), Answers) as answering:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pem)
        answering.socket = tls.wrap_socket(answering.socket, server_side=True)
        thread = threading.Thread(target=answering.serve_forever)
        thread.start()
        yield f"https://{HERE}:{answering.server_address[1]}", ssl.create_default_context(cafile=str(pem))
        answering.shutdown()
        thread.join()


def fetched(server: tuple[str, ssl.SSLContext], path: str) -> bytes:
    """Fetch with this machine's first address counted as public, and no other."""
    return fetch_url(f"{server[0]}{path}", 1000, lambda address: address == HERE, server[1])


def test_what_is_there_is_fetched_and_redirects_are_followed(server: tuple[str, ssl.SSLContext]) -> None:
    assert fetched(server, "/image") == fetched(server, "/moved") == b"x" * 10


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("/inside", "url_not_allowed", r"'127\.0\.0\.2' has the address 127\.0\.0\.2, which is not public"),
        ("/metadata", "url_not_allowed", "an https URL"),
        ("/file", "url_not_allowed", "an https URL"),
        ("/round", "unreadable", "redirects more than 5 times"),
        ("/nowhere", "unreadable", "the URL cannot be fetched"),
        ("/gone", "unreadable", "status 404"),
        ("/cut", "unreadable", "ended before the end of the file"),
        ("/endless", "file_too_large", "more than 1000 bytes"),
    ],
)
def test_what_a_server_may_not_do(path: str, code: str, message: str, server: tuple[str, ssl.SSLContext]) -> None:
    with pytest.raises(RefusedError, match=message) as refused:
        fetched(server, path)
    assert refused.value.code == code
    assert not [one for one in Answers.seen if one.startswith(ELSEWHERE)]


def test_this_machine_is_not_asked(server: tuple[str, ssl.SSLContext]) -> None:
    before = len(Answers.seen)
    with pytest.raises(RefusedError, match="is not public"):
        fetch_url(f"{server[0]}/image", 1000, context=server[1])
    assert len(Answers.seen) == before


def test_certificate_that_nobody_vouches_for_is_refused(server: tuple[str, ssl.SSLContext]) -> None:
    with pytest.raises(RefusedError, match="certificate verify failed"):
        fetch_url(f"{server[0]}/image", 1000, lambda address: address == HERE)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1"),
        *("::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


def test_rows_that_name_what_may_not_be_asked_cost_one_row_each(make_image: MakeImage, tmp_path: Path) -> None:
    names = [
        *("http://example.org/a.png", "https://127.0.0.1/a.png", "https://localhost/a.png", "ftp://example.org/a.png"),
        *("https://user:word@example.org/a.png", "https://[::1]/a.png", "https:///a.png", "https://x:port/a.png"),
        *("simplecache::https://example.org/a.png", "ssh://example.org/a.png", "file:///etc/hostname"),
    ]
    make_image(tmp_path / "good.png")
    (tmp_path / "a.csv").write_text("path\n" + "".join(f"{name}\n" for name in [*names, "good.png"]))
    config = ShardConfig(source=str(tmp_path / "a.csv"), dataset="y", resolution=8, workers=1)
    outcome = build(config, tmp_path / "root")
    assert (outcome.seen, outcome.kept) == (12, 1)
    assert outcome.reasons == {"url_not_allowed": 10, "unreadable": 1}


def test_sources_are_stores_and_files() -> None:
    for source in ("ssh://example.org/pictures", "simplecache::s3://b/x", "github://a:b/x", "zip://a::file:///x"):
        with pytest.raises((SourceError, ValueError), match=r"has the protocol|contains a password"):
            list(list_entries(ShardConfig(source=source, dataset="y")))
    with pytest.raises(ValueError, match="it contains a password"):
        ShardConfig(source="https://user:word@example.org/a.zip", dataset="y")
