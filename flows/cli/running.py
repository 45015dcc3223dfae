"""Running a command in this process: a terminal gets sentences, and the log file gets everything."""

import logging
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from flows.cli import without_collection
from flows.cli.commands import Command
from flows.cli.output import CommandLog
from tasks.errors import find_deletion
from tasks.home import home

logger = logging.getLogger(__name__)


def run_flow(command: Command, config: BaseModel, verbose: bool = False) -> Any:
    """Run what the command stands for and return its outcome; a failure carries a note that names the log file."""
    path = home().root / "logs" / f"{command.name}-{datetime.now():%Y%m%d-%H%M%S}.log"
    with CommandLog(path, quiet=not (verbose or command.is_service)) as log:
        try:
            with log.starting(), without_collection():
                function = prepare(command, config, log.raw if log.quiet else None)
            log.collect()
            return function(config)
        except KeyboardInterrupt as stop:
            if training := sys.modules.get("tasks.training.process.supervision"):
                stop.args = (training.describe_stop(),)
            raise
        except Exception as raised:
            # Prefect has logged the traceback of an error inside a flow; one of ours outside of any is logged here.
            logger.error("%s failed", command.name, exc_info=True)
            error = find_deletion(raised) or raised
            error.add_note(f"The log with the traceback is {path}")
            raise error from error.__cause__
        finally:
            if early := sys.modules.get("tasks.datasets.early"):
                early.EarlyBuild.stop_unused()
            if trainer := sys.modules.get("tasks.training.process.early"):
                trainer.EarlyTrainer.stop_unused()


def prepare(command: Command, config: Any, server_log: Path | None) -> Callable[[Any], Any]:
    """Import the function of the command while its temporary server starts. Wait for both.

    A command that builds a dataset begins with that at once.
    """
    import flows
    from tasks.service.temporary_server import TemporaryServer

    server = TemporaryServer.of_this_process()
    if server:
        server.begin(server_log)
    if command.builds and not config.dask_scheduler:
        from tasks.datasets.early import EarlyBuild  # it imports what a build needs

        EarlyBuild.start(config.shard)
    function = command.load()
    flows.prepare_process()
    if server:
        server.wait()
    return function
