"""The command line: commands, settings from files and flags, and the summary that is printed.

May import flows and tasks; it is the only place that prints.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["main", "schedules"]


def main() -> None:
    """Run the command line and exit with its status."""
    with without_collection():
        from flows.cli.app import main as run  # every import of a part of the command line would pay for all of it

        run()  # a command that works is planned first, and garbage is collected from the end of its plan on


@contextmanager
def without_collection() -> Iterator[None]:
    """Import large libraries here, and do little else.

    What is imported stays. To look for garbage in it, while it is made and when the process ends, takes longer than a
    quarter of the time of `--help`. Garbage that is made here is not freed before the process ends.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
