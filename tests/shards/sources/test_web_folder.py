"""Folders and listings on a web server: http.server itself shows the folder as a page of links."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shards import ShardConfig, build
from shards.errors import RefusedError
from shards.sources.opening import read
from shards.sources.source import list_entries


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(collection: Path) -> Iterator[str]:
    """The address of a server that shows the collection."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(collection))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def config(source: str) -> ShardConfig:
    return ShardConfig(source=source, dataset="pets", resolution=16, workers=1)


def test_folder_of_a_web_server(site: str, collection: Path) -> None:
    (collection / "Ünicode" / "100 %.png").write_bytes(b"of any bytes")
    local = {(entry.source, entry.label) for entry in list_entries(config(str(collection)))}
    entries = list(list_entries(config(f"{site}/")))
    assert {(entry.source, entry.label) for entry in entries} == local
    odd = next(entry for entry in entries if "%" in entry.source)
    assert read(odd.place, 2**20) == (collection / odd.source).read_bytes()


def test_listing_of_a_web_server_reads_its_own_server_and_no_other(site: str, collection: Path) -> None:
    (collection / "first.png").write_bytes(b"first")
    (collection / "second.png").write_bytes(b"second")
    (collection / "a.csv").write_text(f"path,label\nfirst.png,one\n{site}/second.png,two\nhttp://127.0.0.2/x,\n")
    one, two, three = list_entries(config(f"{site}/a.csv"))
    assert (one.label, two.label) == ("one", "two")
    assert (read(one.place, 2**20), read(two.place, 2**20)) == (b"first", b"second")
    with pytest.raises(RefusedError, match="https URL"):
        read(three.place, 2**20)
    with pytest.raises(RefusedError, match="status 404"):
        read(["web", f"{site}/none.png", f"{site}/"], 2**20)


@pytest.mark.slow
def test_build_from_a_web_folder(site: str, collection: Path, tmp_path: Path) -> None:
    local = build(config(str(collection)), tmp_path / "local")
    far = build(config(f"{site}/"), tmp_path / "far")
    assert (far.version, far.kept, far.reasons) == (local.version, local.kept, local.reasons)
