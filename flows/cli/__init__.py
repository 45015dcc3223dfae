"""The command line: commands, settings from files and flags, and the summary that is printed.

May import flows and tasks; it is the only place that prints.
"""

__all__ = ["main", "schedules"]


def main() -> None:
    """Run the command line and exit with its status."""
    from flows.cli.app import main as run  # every import of a part of the command line would pay for all of it

    run()
