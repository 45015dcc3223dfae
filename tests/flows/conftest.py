"""Prefect's own test server, for the files that run flows."""

from collections.abc import Iterator

import pytest

from tests.prefect_servers import prefect_test_server


@pytest.fixture(scope="module")
def prefect_server(stop_servers: None) -> Iterator[None]:
    """A server with an empty database; what one file leaves there, no other file sees."""
    with prefect_test_server():
        yield
