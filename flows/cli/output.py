"""What a command writes while it runs: everything to its log file, and to the terminal only what a person needs."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self, TextIO

FORMAT = "%(asctime)s %(levelname)-7s %(name)s  %(message)s"
TRAINER = "tasks.trainer"  # its lines are in the run directory's train.log
STDERR = 2


class CommandLog(contextlib.ExitStack):
    """The log file of one command.

    With `quiet`, all that this process and its children write to stderr goes to the file, and the terminal gets what
    tasks.flow_runs.terminal prints. Otherwise log lines stay in the terminal too, but without tracebacks.
    """

    def __init__(self, path: Path, quiet: bool) -> None:
        super().__init__()
        self.path = path
        self.terminal: TextIO | None = None
        self.quiet = quiet
        self.file = logging.FileHandler(path, delay=True)
        self.file.setFormatter(logging.Formatter(FORMAT))

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.callback(self.file.close)
        if self.quiet:
            self.terminal = self.enter_context(redirect_stderr(self.path))
        return self

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Show in a quiet terminal that the command starts, because its imports take seconds."""
        if self.terminal is None:
            yield
            return
        from rich.console import Console

        with Console(file=self.terminal).status("Starting"):
            yield

    def collect(self) -> None:
        """Send the lines of all loggers to the file. Call this after the imports, which make handlers of their own."""
        found = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
        chosen = is_for_nobody if self.quiet else has_no_traceback
        for logger in (logging.getLogger(), *found):
            for handler in logger.handlers:
                if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                    handler.addFilter(chosen)
                    self.callback(handler.removeFilter, chosen)
            if logger.parent is None or (not logger.propagate and logger.name != TRAINER):
                logger.addHandler(self.file)
                self.callback(logger.removeHandler, self.file)
        if self.terminal:
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
