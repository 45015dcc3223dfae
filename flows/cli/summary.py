"""What a person reads at the end of a run: the facts of the outcome, one per line."""

from rich.console import Console
from rich.markup import escape

from tasks.flow_runs.summary import Outcome
from tasks.reports.printable import for_terminal


def print_summary(outcome: Outcome) -> None:
    """Print each fact of the outcome on its own line. Long lines are not wrapped, so that paths can be copied."""
    console = Console(soft_wrap=True, highlight=False)
    console.print()
    for name, value in outcome.facts():
        console.print(f"[bold]{escape(name):<14}[/] {escape(for_terminal(value))}")
