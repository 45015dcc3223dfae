"""Prefect's own test server, whose tables are copied from our template."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def prefect_test_server() -> Iterator[None]:
    """Serve an empty database until the end of the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SubprocessASGIServer, "start", start_with_tables)
        with (
            temporary_settings({PREFECT_API_BLOCKS_REGISTER_ON_START: False, PREFECT_SERVER_ANALYTICS_ENABLED: False}),
            prefect_test_harness(server_startup_timeout=120),
            temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
        ):
            yield


def start_with_tables(server: SubprocessASGIServer, timeout: int | None = None) -> None:
    """Create the tables from our template, then start the server: its own migrations take 9 s of CPU."""
    url = str(PREFECT_SERVER_DATABASE_CONNECTION_URL.value())
    environment = os.environ | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url}
    subprocess.run([sys.executable, "-c", MIGRATE], env=environment, check=True)
    plain_start(server, timeout)
