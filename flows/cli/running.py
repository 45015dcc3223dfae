"""Running a flow in this process: a terminal gets sentences, and the log file gets everything."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from flows.cli.commands import Command
from tasks.errors import find_deletion
from tasks.home import home

logger = logging.getLogger(__name__)


def run_flow(command: Command, config: BaseModel) -> Any:
    """Run what the command stands for and return its outcome; a failure carries a note that names the log file."""
    from prefect import Flow

    import flows
    from tasks.service.temporary_server import own_temporary_server

    function = command.load()
    flows.prepare_process()
    if isinstance(function, Flow):
        own_temporary_server()
    path = home().root / "logs" / f"{command.name}-{datetime.now():%Y%m%d-%H%M%S}.log"
    with log_to(path):
        try:
            return function(config)
        except KeyboardInterrupt as stop:
            if training := sys.modules.get("tasks.training.stage"):
                stop.args = (training.describe_stop(),)
            raise
        except Exception as raised:
            # Prefect has logged the traceback of an error inside a flow; one of ours outside of any is logged here.
            logger.error("%s failed", command.name, exc_info=True)
            error = find_deletion(raised) or raised
            error.add_note(f"The log with the traceback is {path}")
            raise error from error.__cause__


@contextlib.contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Write everything that is logged to the file, and keep tracebacks out of the terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = logging.FileHandler(path, delay=True)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s"))
    loggers = [logging.getLogger(), logging.getLogger("prefect")]  # Prefect's pass nothing on to the root logger
    terminals = [one for logger in loggers for one in logger.handlers if isinstance(one, logging.StreamHandler)]
    for terminal in terminals:
        terminal.addFilter(has_no_traceback)
    for logger in loggers:
        logger.addHandler(file)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(file)
        for terminal in terminals:
            terminal.removeFilter(has_no_traceback)
        file.close()


def has_no_traceback(record: logging.LogRecord) -> bool:
    """Return whether a record may go to the terminal, where the command tells in one sentence what was wrong."""
    return record.exc_info is None
