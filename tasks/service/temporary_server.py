"""Prefect's temporary server: it serves one command, if no service runs and nobody has configured a server.

It replaces Prefect's own one: that one stays behind when the command is killed, Ctrl-C ends it before the command,
every web page may use it, and its start does not overlap with the imports of the command.
"""

import atexit
import contextlib
import http.client
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from tasks.errors import ServiceError
from tasks.home import OWN_SERVER
from tasks.service.children.parents import PARENT_PID

SECONDS = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
SETTINGS_FILES = (".env", "prefect.toml", "pyproject.toml")  # in the current folder; Prefect reads them
STOP_SECONDS = 5.0


class TemporaryServer:
    """The server of this process: a child process with a password of its own, on a free port of this machine."""

    _started: ClassVar["TemporaryServer | None"] = None

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
            environment = os.environ | {
                "PREFECT_UI_ENABLED": "0",
                "PREFECT_SERVER_UI_ENABLED": "0",
                "PREFECT__SERVER_EPHEMERAL": "1",
                "PREFECT__SERVER_FINAL": "1",
                PARENT_PID: str(os.getpid()),
            }
            if auth := os.environ.get("PREFECT_API_AUTH_STRING"):
                environment["PREFECT_SERVER_API_AUTH_STRING"] = auth
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tasks.service.children.temporary", str(listening.fileno())],
                env=environment,
                stdin=subprocess.PIPE,
                pass_fds=[listening.fileno()],
                # Its own session: Ctrl-C in the terminal stops only the command, which must still report to the server.
                start_new_session=True,
            )
        self.begun = False
        # Registered before Prefect is imported, so it is called after Prefect has sent its last log lines.
        atexit.register(self.stop)
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{self.port}/api"
        os.environ[OWN_SERVER] = str(self.port)
        os.environ.setdefault("PREFECT_UI_URL", "")  # there is no page that Prefect's log lines could link to
        if context := sys.modules.get("prefect.context"):
            context.refresh_global_settings_context()  # Prefect has read its settings already

    @classmethod
    def start(cls) -> None:
        """Start the server of this process, unless there is another one. It writes nothing before `begin`."""
        if cls._started is None and not is_configured():
            cls._started = cls()

    @classmethod
    def of_this_process(cls) -> "TemporaryServer | None":
        """Return the server that this process has started, if any."""
        return cls._started

    def begin(self, log: Path | None = None) -> None:
        """Let the server open its database, and create it if it is missing. Its output goes to the file `log`."""
        if self.begun:
            return  # an earlier command of this process has begun it
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self.process.stdin as channel:  # `wait` tells of a server that ended
            channel.write(f"{log or ''}\n".encode())
        self.begun = True

    def wait(self) -> None:
        """Wait until the server answers. Raises ServiceError if it ends, or does not answer in time."""
        seconds = float(os.environ.get(SECONDS, "600"))
        # The socket listens already: this connection waits in its queue, and is closed if the server ends.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", "/api/health")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            code = self.process.poll()
            ended = f"ended with exit code {code}" if code is not None else f"did not answer within {seconds:g} s"
            raise ServiceError(f"the temporary Prefect server {ended}: its lines are in the log") from error
        finally:
            connection.close()
        if status != http.client.OK:
            raise ServiceError(f"the temporary Prefect server answers with status {status}: its lines are in the log")

    def stop(self) -> None:
        """End the server."""
        if not self.begun:
            self.process.kill()
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def is_configured() -> bool:
    """Return whether a server is configured, or that there is none: in the environment or in one of Prefect's files."""
    if os.environ.get("PREFECT_API_URL"):
        return True
    if not ({"prefect"} & sys.modules.keys() or any(map(_configures_prefect, _settings_files()))):
        return os.environ.get("PREFECT_SERVER_EPHEMERAL_ENABLED", "").lower() in ("0", "false")
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    return bool(settings.api.url) or not settings.server.ephemeral.enabled


def _settings_files() -> list[Path]:
    profiles = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser() / "profiles.toml"
    return [Path(os.environ.get("PREFECT_PROFILES_PATH") or profiles), *map(Path, SETTINGS_FILES)]


def _configures_prefect(path: Path) -> bool:
    """Look into one of Prefect's files without importing Prefect, which takes a second."""
    if not path.is_file():
        return False
    text = path.read_text(errors="replace").lower()
    if path.name == "pyproject.toml":
        return "[tool.prefect" in text  # it may name Prefect's packages and variables elsewhere
    return path.name == "prefect.toml" or "prefect_" in text
