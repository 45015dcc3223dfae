"""Prefect's server behind the guard; `python -m tasks.service.prefect_server [SOCKET]`.

With SOCKET, the number of an inherited file that listens, it is the temporary server of one command, without the UI
(tasks/service/temporary_server.py). It reads Prefect's own settings, and ALLOWED_HOSTS and ALLOWED_ORIGINS for the
guard. Prefect itself checks the password (PREFECT_SERVER_API_AUTH_STRING), because its WebSockets receive the password
in their first message.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.models import deployments
from prefect.server.utilities.messaging.memory import Subscription
from prefect.settings import (
    PREFECT_API_BLOCKS_REGISTER_ON_START,
    PREFECT_API_DATABASE_MIGRATE_ON_START,
    PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION,
    get_current_settings,
    temporary_settings,
)
from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext

from tasks.service.children.parents import end_with_parent
from tasks.service.databases import FORMER_NAME, TODAY, migrate_prefect, rename_deployments
from tasks.service.guard import Guard
from tasks.service.settings import ALLOWED_HOSTS, ALLOWED_ORIGINS, read_list

logger = logging.getLogger("prefect.server.shardgan")  # Prefect's own settings configure this logger
ADVICE_SECONDS = 300.0
MOST_EVENTS = 100_000
STARTUP_FAILED = 3  # as the program uvicorn
# Of the temporary server: `migrate_prefect` has made the tables, and flows use none of Prefect's block types.
ALREADY_DONE: dict[Any, Any] = {
    PREFECT_API_DATABASE_MIGRATE_ON_START: False,
    PREFECT_API_BLOCKS_REGISTER_ON_START: False,
    PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION: False,  # or it would note that they were recorded
}
LOGIN_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>shardgan: log in to Prefect</title>
<body style="font-family: sans-serif; margin: 3em">
<form><label>Name and password, as <code>name:password</code><br>
<input type="password" name="auth" size="60" autofocus></label> <button>Log in</button></form>
<p id="said"></p>
<script>
// Prefect's pages read the password from localStorage. The part of an address after # is not sent to any server.
async function logIn(auth) {
  const encoded = btoa(auth);
  const answer = await fetch("/api/admin/version", {headers: {Authorization: "Basic " + encoded}});
  if (answer.ok) {
    localStorage.setItem("prefect-password", encoded);
    location.replace("/");
  } else {
    document.getElementById("said").textContent = "The server does not take this password.";
  }
}
document.querySelector("form").addEventListener("submit", event => {
  event.preventDefault();
  logIn(event.target.auth.value);
});
if (location.hash.length > 1) {
  const auth = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  logIn(auth);
}
</script>
"""


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    end_with_parent()
    if len(sys.argv) > 1:
        await_begin()
        with temporary_settings(ALREADY_DONE if migrate_prefect() else {}):
            serve(socket.socket(fileno=int(sys.argv[1])))
        return
    migrate_prefect()
    serve()


def await_begin() -> None:
    """Wait until the command allows the start, and send the output to the log file that it names, if any."""
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        sys.exit()  # the command has ended
    if name := line.rstrip("\n"):
        with Path(name).open("ab") as log:
            os.dup2(log.fileno(), sys.stdout.fileno())
            os.dup2(log.fileno(), sys.stderr.fileno())


def serve(listening: socket.socket | None = None) -> None:
    """Serve on a socket that listens already, or on the address in the settings."""
    settings = get_current_settings().server
    write_at_once()
    keep_more_events()
    find_former_names()
    advice = Advice()
    event.listen(Engine, "handle_error", advice.on_error)
    logging.getLogger("prefect.server.utilities.messaging.memory").addFilter(advice.on_record)
    app = create_app(final=True, ephemeral=listening is not None)
    rename_at_start(app)
    config = uvicorn.Config(
        Guard(
            app,
            hosts=read_list(ALLOWED_HOSTS),
            origins=read_list(ALLOWED_ORIGINS),
            login_page=LOGIN_PAGE,
        ),
        host=settings.api.host,
        port=settings.api.port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        log_level="error" if listening else settings.logging_level.lower(),
    )
    server = uvicorn.Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run([listening] if listening else None)
    if not server.started:
        sys.exit(STARTUP_FAILED)


def write_at_once() -> None:
    """Begin each SQLite transaction with the write lock.

    Prefect's transactions begin by reading. If another process writes meanwhile, SQLite refuses the transaction's own
    write ("database is locked") without any wait. It waits only when a transaction begins.
    """
    plain = AioSqliteConfiguration.begin_transaction

    def begin_transaction(self, session, with_for_update=False):  # type: ignore[no-untyped-def]
        return plain(self, session, with_for_update=True)

    AioSqliteConfiguration.begin_transaction = begin_transaction  # type: ignore[method-assign]


def keep_more_events() -> None:
    """Let 100,000 events wait in memory instead of 10,000 until they are stored. Prefect drops those beyond.

    After ten minutes of full load on two cores, SQLite is 11,000 events behind. An event takes about 2 KB.
    """
    plain = Subscription.__init__

    def with_a_longer_queue(self, *arguments, **options):  # type: ignore[no-untyped-def]
        plain(self, *arguments, **options)
        self._queue = asyncio.Queue(maxsize=MOST_EVENTS)

    Subscription.__init__ = with_a_longer_queue  # type: ignore[method-assign]


def rename_at_start(app: FastAPI) -> None:
    """Rename deployments with the former name when the tables exist and before the first request is answered."""
    plain = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Any]:
        async with plain(app) as state:
            await rename_deployments()
            yield state

    app.router.lifespan_context = lifespan


def find_former_names() -> None:
    """Let look-ups of `flow/on-demand` find the deployment with today's name, unless there is one of that name."""
    plain: Any = deployments.read_deployment_by_name

    async def read_deployment_by_name(session, name, flow_name):  # type: ignore[no-untyped-def]
        found = await plain(session=session, name=name, flow_name=flow_name)
        if found is None and name == FORMER_NAME and flow_name in TODAY:
            return await plain(session=session, name=TODAY[flow_name], flow_name=flow_name)
        return found

    deployments.read_deployment_by_name = read_deployment_by_name


class Advice:
    """Logs advice when SQLite is too slow for the load: at intervals, and not for each failure."""

    def __init__(self) -> None:
        self.next = 0.0

    def on_error(self, context: ExceptionContext) -> None:
        """Check an error of any database engine of this process."""
        if "database is locked" in str(context.original_exception):
            self.give("database is locked")

    def on_record(self, record: logging.LogRecord) -> bool:
        """Check a log record of Prefect's event queue. The record is always logged."""
        if "queue is full, dropping" in record.msg:
            self.give("events are lost, because the queue of events is full")
        return True

    def give(self, reason: str) -> None:
        """Log the advice, unless it was logged a short time ago."""
        if time.monotonic() >= self.next:
            self.next = time.monotonic() + ADVICE_SECONDS
            logger.warning(
                "SQLite is too slow for this load (%s): set SHARDGAN_DATABASE_URL to a PostgreSQL server "
                "(postgresql://user:password@host:port) and restart the service, or run fewer flows at a time",
                reason,
            )


if __name__ == "__main__":
    main()
