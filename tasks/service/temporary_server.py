"""Prefect's temporary server, which a command starts for itself where no service runs: started by us.

Prefect's own way leaves it behind when the command is killed, ends it before the command when Ctrl-C is pressed, and
lets every web page use it.
"""

import os
import subprocess
import sys
from typing import Any

from tasks.service.parents import PARENT_PID


def own_temporary_server() -> None:
    """Let Prefect start tasks.service.prefect_server where it would start its temporary server."""
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
    # In a session of its own: Ctrl-C in the terminal is for the command, which still has things to tell the server.
    return subprocess.Popen(command, env=environment, start_new_session=True)
