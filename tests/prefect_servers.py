"""Prefect's own test server: one for all files of a test process, emptied for each of them."""

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import (
    PREFECT_API_BLOCKS_REGISTER_ON_START,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness

MIGRATE = "from tasks.service.databases import migrate_prefect; migrate_prefect()"
plain_start = SubprocessASGIServer.start


@dataclass
class KeptServer:
    """A server that outlives Prefect's harness: starting one takes ten seconds."""

    process: "subprocess.Popen[bytes]"
    port: int
    url: str
    empty: sqlite3.Connection

    @classmethod
    def start(cls, server: SubprocessASGIServer, timeout: int | None) -> "KeptServer":
        """Start `server`. Its tables are copied from our template: its own migrations take 9 s of CPU."""
        url = str(PREFECT_SERVER_DATABASE_CONNECTION_URL.value())
        environment = os.environ | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url}
        subprocess.run([sys.executable, "-c", MIGRATE], env=environment, check=True)
        plain_start(server, timeout)
        assert server.server_process
        assert server.port
        kept = cls(server.server_process, server.port, url, sqlite3.connect(":memory:"))
        with kept.tables() as tables:
            tables.backup(kept.empty)
        return kept

    @contextmanager
    def tables(self) -> Iterator[sqlite3.Connection]:
        """The server's database."""
        path = Path(self.url.partition("///")[2])
        with contextlib.closing(sqlite3.connect(path, timeout=60)) as tables:
            yield tables

    def clear(self) -> None:
        """Give the database the content again that it had when the server had started."""
        with self.tables() as tables:
            self.empty.backup(tables)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.empty.close()


_kept: list[KeptServer] = []


@contextmanager
def prefect_test_server() -> Iterator[None]:
    """Serve an empty database until the end of the block. The fixture `stop_servers` ends the server's process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SubprocessASGIServer, "start", start_or_clear)
        with (
            temporary_settings({PREFECT_API_BLOCKS_REGISTER_ON_START: False, PREFECT_SERVER_ANALYTICS_ENABLED: False}),
            prefect_test_harness(server_startup_timeout=600),
            temporary_settings(
                {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_SERVER_DATABASE_CONNECTION_URL: _kept[0].url}
            ),
        ):
            yield


def start_or_clear(server: SubprocessASGIServer, timeout: int | None = None) -> None:
    """Let `server` stand for the kept one, which is started if there is none. Its `stop` ends no process."""
    if not _kept:
        _kept.append(KeptServer.start(server, timeout))
    else:
        _kept[0].clear()
    server.port, server.server_process, server.running = _kept[0].port, None, True


def stop_kept_server() -> None:
    """End the server's process, if there is one."""
    while _kept:
        _kept.pop().stop()
