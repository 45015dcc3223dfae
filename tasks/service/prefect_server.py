"""Prefect's server behind the guard; `python -m tasks.service.prefect_server [PORT]`.

With PORT it is the temporary server of one command: without the UI, on loopback. It reads Prefect's own settings, and
ALLOWED_HOSTS and ALLOWED_ORIGINS for the guard. Prefect itself checks the password (PREFECT_SERVER_API_AUTH_STRING),
because its WebSockets receive the password in their first message.
"""

import logging
import sys
import time

import uvicorn
from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.settings import get_current_settings
from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext

from tasks.service.databases import migrate_prefect
from tasks.service.guard import Guard
from tasks.service.parents import end_with_parent
from tasks.service.settings import ALLOWED_HOSTS, ALLOWED_ORIGINS, read_list

logger = logging.getLogger("prefect.server.shardgan")  # Prefect's own settings configure this logger
ADVICE_SECONDS = 300.0
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
    settings = get_current_settings().server
    temporary = len(sys.argv) > 1
    migrate_prefect()
    write_at_once()
    advice = Advice()
    event.listen(Engine, "handle_error", advice.on_error)
    logging.getLogger("prefect.server.utilities.messaging.memory").addFilter(advice.on_record)
    uvicorn.run(
        Guard(
            create_app(final=True, ephemeral=temporary),
            hosts=read_list(ALLOWED_HOSTS),
            origins=read_list(ALLOWED_ORIGINS),
            login_page=LOGIN_PAGE,
        ),
        host="127.0.0.1" if temporary else settings.api.host,
        port=int(sys.argv[1]) if temporary else settings.api.port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        log_level="error" if temporary else settings.logging_level.lower(),
    )


def write_at_once() -> None:
    """Begin each SQLite transaction with the write lock.

    Prefect's transactions begin by reading. If another process writes meanwhile, SQLite refuses the transaction's own
    write ("database is locked") without any wait. It waits only when a transaction begins.
    """
    plain = AioSqliteConfiguration.begin_transaction

    def begin_transaction(self, session, with_for_update=False):  # type: ignore[no-untyped-def]
        return plain(self, session, with_for_update=True)

    AioSqliteConfiguration.begin_transaction = begin_transaction  # type: ignore[method-assign]


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
