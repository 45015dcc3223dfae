"""Sends the logs of shards/, models/, tasks/ and of the trainer to the flow run in Prefect."""

import logging
from pathlib import Path

from prefect.logging.configuration import ensure_logging_setup

PACKAGES = ("shards", "models", "tasks")
LINES_A_READ = 200
trainer = logging.getLogger("tasks.trainer")


def send_logs_to_prefect() -> None:
    """Let our loggers speak to Prefect's API, from INFO on.

    `PREFECT_LOGGING_EXTRA_LOGGERS` is read when Prefect is imported, which a worker has done long before it imports a
    flow; and it leaves levels alone, so that the root logger's WARNING would hold back all the rest.
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
    # Its lines are in train.log and in the flow run: a terminal has the bar.
    trainer.propagate = False
    trainer.handlers = list(handlers)


class LogFollower:
    """Passes on each new line of a growing log file, from its present end on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = path.stat().st_size if path.exists() else 0

    def read(self) -> None:
        """Pass on new whole lines; of very many, the last ones."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self.offset += len(whole) + len(newline)
        lines = whole.decode(errors="replace").splitlines()
        if left_out := len(lines[:-LINES_A_READ]):
            trainer.info("(%s lines are left out here: see %s)", f"{left_out:,}", self.path)
        for line in lines[-LINES_A_READ:]:
            trainer.info("%s", line)
