"""Starts Prefect's temporary server for one command, if no service runs.

Prefect's own code has three problems: the server stays behind when the command is killed, Ctrl-C ends the server before
the command, and every web page may use the server.
"""

import os
import subprocess
import sys
from typing import Any

from tasks.service.parents import PARENT_PID


def own_temporary_server() -> None:
    """Make Prefect start tasks.service.prefect_server in place of its own temporary server."""
    from prefect.server.api.server import SubprocessASGIServer

    SubprocessASGIServer._run_uvicorn_command = _start  # type: ignore[method-assign,assignment]


def _start(server: Any) -> "subprocess.Popen[Any]":
    from prefect.settings import get_current_settings

    environment = os.environ | get_current_settings().to_environment_variables(exclude_unset=True)
    environment |= {
        "PREFECT_UI_ENABLED": "0",
        "PREFECT_SERVER_UI_ENABLED": "0",
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT__SERVER_FINAL": "1",
        PARENT_PID: str(os.getpid()),
    }
    if auth := os.environ.get("PREFECT_API_AUTH_STRING"):
        environment["PREFECT_SERVER_API_AUTH_STRING"] = auth
    command = [sys.executable, "-m", "tasks.service.prefect_server", str(server.port)]
    # Its own session: Ctrl-C in the terminal stops only the command, which must still report to the server.
    return subprocess.Popen(command, env=environment, start_new_session=True)
