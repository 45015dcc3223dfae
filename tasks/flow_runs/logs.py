"""Sends the logs of shards/, models/, tasks/ and of the trainer to the flow run in Prefect."""

import logging
from pathlib import Path

from prefect.logging.configuration import ensure_logging_setup

PACKAGES = ("shards", "models", "tasks")
LINES_A_READ = 200
trainer = logging.getLogger("tasks.trainer")


def send_logs_to_prefect() -> None:
    """Send the lines of our loggers to Prefect's API, from level INFO on.

    `PREFECT_LOGGING_EXTRA_LOGGERS` cannot do this. Prefect reads it on import, and a worker imports Prefect long
    before it imports a flow. It also does not change levels, so the root logger's level WARNING would drop all
    other lines.
    """
    ensure_logging_setup()
    handlers = logging.getLogger("prefect.extra").handlers
    for name in PACKAGES:
        package = logging.getLogger(name)
        if package.level == logging.NOTSET:
            package.setLevel(logging.INFO)
        for handler in handlers:
            if handler not in package.handlers:
                package.addHandler(handler)
    # Its lines are in train.log and in the flow run. A terminal shows the progress bar.
    trainer.propagate = False
    trainer.handlers = list(handlers)


class LogFollower:
    """Passes on each new line of a growing log file, starting at its present end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = path.stat().st_size if path.exists() else 0

    def read(self) -> None:
        """Pass on new complete lines. If there are very many, pass on only the last ones."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self.offset += len(whole) + len(newline)
        lines = whole.decode(errors="replace").splitlines()
        if left_out := len(lines[:-LINES_A_READ]):
            trainer.info("(%s lines are omitted here: see %s)", f"{left_out:,}", self.path)
        for line in lines[-LINES_A_READ:]:
            trainer.info("%s", line)
