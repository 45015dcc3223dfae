"""The terminal of the person who waits for a command: its bars, the line that ends a stage, links and warnings.

A quiet command sends everything else that is printed to its log file, so this console keeps the real terminal.
"""

import contextlib
import logging
from collections.abc import Iterator
from typing import TextIO

from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console

from tasks.reports.printable import for_terminal
from tasks.tracking.telemetry.log_format import is_json

logger = logging.getLogger(__name__)
PACKAGES = ("shards", "models", "tasks", "flows")
RETRIES = "prefect.task_runs"  # Prefect tells in an info line that it tries a failed task again
_consoles: list[Console] = []


@contextlib.contextmanager
def speak_to(stream: TextIO) -> Iterator[Console]:
    """Write what a person should see to `stream`, among it our packages' warnings and Prefect's retries."""
    console = Console(file=stream)
    warnings, retries = _Warnings(console), _Retries(console)
    _consoles.append(console)
    for name in PACKAGES:
        logging.getLogger(name).addHandler(warnings)
    logging.getLogger(RETRIES).addHandler(retries)
    try:
        yield console
    finally:
        for name in PACKAGES:
            logging.getLogger(name).removeHandler(warnings)
        logging.getLogger(RETRIES).removeHandler(retries)
        _consoles.remove(console)


def is_quiet() -> bool:
    """Return whether a quiet command runs: its console is then not stderr, which goes to its log file."""
    return bool(_consoles)


def console() -> Console:
    """Return the console for people. Without a quiet command it is the one of Prefect's log lines, or stderr."""
    if _consoles:
        return _consoles[-1]
    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler) and not handler.console.file.closed:
            return handler.console  # lines of the same console do not break a bar
    return Console(stderr=True)


def say(text: str) -> None:
    """Print one line for people, or log it if log lines are JSON. Long lines are not wrapped: paths can be copied."""
    if is_json():
        logger.info("%s", text)
        return
    console().print(for_terminal(text), markup=False, highlight=False, soft_wrap=True)


class _Warnings(logging.Handler):
    """Prints warnings and errors in one line, without tracebacks: these are in the log file."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record's message."""
        if record.exc_info is None:
            text = f"{record.levelname.lower()}: {for_terminal(record.getMessage())}"
            self.console.print(text, markup=False, highlight=False, soft_wrap=True, style="yellow")


class _Retries(_Warnings):
    """Prints that a failed task is tried again."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.setLevel(logging.INFO)
        self.addFilter(lambda record: " - Retry " in record.getMessage())
