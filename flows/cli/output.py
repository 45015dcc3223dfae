"""What a command writes while it runs: everything to its log file, and to the terminal only what a person needs."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self, TextIO

from tasks.tracking.telemetry.log_format import is_json, make_formatter

TRAINER = "tasks.trainer"  # its lines are in the run directory's train.log
STDERR = 2


class CommandLog(contextlib.ExitStack):
    """The log file of one command.

    With `quiet`, all that this process and its children write to stderr goes to the file, and the terminal gets what
    tasks.flow_runs.terminal prints. Otherwise log lines stay in the terminal too, but without tracebacks.

    With JSON log lines, the terminal gets the same lines as the file. What is no log line, such as the output of
    libraries in C, goes to a second file.
    """

    def __init__(self, path: Path, quiet: bool) -> None:
        super().__init__()
        self.path = path
        self.terminal: TextIO | None = None
        self.quiet = quiet
        self.as_json = is_json()
        self.raw = path.with_suffix(".stderr") if self.as_json else path
        self.file = logging.FileHandler(path, delay=True)
        self.file.setFormatter(make_formatter())

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.callback(self.file.close)
        if self.quiet:
            self.callback(self._remove_empty)
            self.terminal = self.enter_context(redirect_stderr(self.raw))
        return self

    def _remove_empty(self) -> None:
        if self.raw != self.path and self.raw.exists() and not self.raw.stat().st_size:
            self.raw.unlink()

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Show in a quiet terminal that the command starts, because its imports take seconds."""
        if self.terminal is None or self.as_json:
            yield
            return
        from rich.console import Console

        with Console(file=self.terminal).status("Starting"):
            yield

    def collect(self) -> None:
        """Send the lines of all loggers to the file. Call this after the imports, which make handlers of their own."""
        found = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
        chosen = is_for_nobody if self.quiet else has_no_traceback
        handlers: list[logging.Handler] = [self.file]
        if self.terminal and self.as_json:
            handlers.append(logging.StreamHandler(self.terminal))
            handlers[-1].setFormatter(make_formatter())
        for logger in (logging.getLogger(), *found):
            for handler in logger.handlers:
                if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                    handler.addFilter(chosen)
                    self.callback(handler.removeFilter, chosen)
            if logger.parent is None or (not logger.propagate and logger.name != TRAINER):
                for handler in handlers:
                    logger.addHandler(handler)
                    self.callback(logger.removeHandler, handler)
        if self.terminal and not self.as_json:
            from tasks.flow_runs.terminal import speak_to  # it imports Prefect

            self.enter_context(speak_to(self.terminal))


@contextlib.contextmanager
def redirect_stderr(path: Path) -> Iterator[TextIO]:
    """Append what this process, its children and libraries in C write to stderr to the file. Yields the terminal."""
    sys.stderr.flush()
    same = os.dup(STDERR)
    with path.open("ab") as file, os.fdopen(same, "w", 1, sys.stderr.encoding, "backslashreplace") as terminal:
        os.dup2(file.fileno(), STDERR)
        try:
            yield terminal
        finally:
            sys.stderr.flush()
            terminal.flush()
            os.dup2(terminal.fileno(), STDERR)


def has_no_traceback(record: logging.LogRecord) -> bool:
    """Return whether a record may go to the terminal, where the command tells in one sentence what was wrong."""
    return record.exc_info is None


def is_for_nobody(_record: logging.LogRecord) -> bool:
    """Return False: the log file has its own handler."""
    return False
