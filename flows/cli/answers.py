"""How a command answers: its exit status, one sentence for an error, tables and lists of facts."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tasks.reports.printable import for_terminal
from tasks.tracking.telemetry.log_format import format_line, is_json

if TYPE_CHECKING:
    from tasks.flow_runs.summary import Outcome

DONE, FAILED, WRONG = 0, 1, 2
BOLD, DIM, PLAIN = "\033[1m", "\033[2m", "\033[0m"


def fail(error: BaseException, status: int, as_json: bool) -> int:
    """Print the error in one sentence, and with `as_json` also as an object. Return `status`."""
    stopped = str(error) or "stopped; run the same command to continue"
    message = stopped if isinstance(error, KeyboardInterrupt) else str(error)
    for line in (message, *getattr(error, "__notes__", ())):
        said = f"shardgan: {for_terminal(line)}"
        print(format_line(level="ERROR", message=line) if is_json() else said, file=sys.stderr)
    if as_json:
        print(json.dumps({"error": message, "kind": type(error).__name__}), file=sys.__stdout__)
    return status


def print_json(content: Any) -> None:
    """Print one JSON object."""
    print(json.dumps(content))


def print_facts(facts: Iterable[tuple[str, str]], indent: str = "") -> None:
    """Print (name, value) pairs, one on each line. Lines are not wrapped, so that paths can be copied."""
    pairs = list(facts)
    width = max((len(name) for name, _ in pairs), default=0) + 2
    for name, value in pairs:
        print(f"{indent}{styled(for_terminal(name).ljust(width), DIM)}{for_terminal(value)}")


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print rows in aligned columns. The columns named in `right` are aligned at their right side."""
    cells = [[for_terminal(cell) for cell in row] for row in rows]
    widths = [max(len(line[place]) for line in [list(heads), *cells]) for place in range(len(heads))]
    is_right = [head in right for head in heads]
    print(styled(_line(heads, widths, is_right), DIM))
    for row in cells:
        print(_line(row, widths, is_right))


def print_title(text: str) -> None:
    """Print a heading."""
    print(styled(for_terminal(text), BOLD))


def styled(text: str, style: str) -> str:
    """Return the text with a terminal's style. The text alone if stdout is a file or a pipe."""
    return f"{style}{text}{PLAIN}" if sys.stdout.isatty() else text


def _line(cells: Sequence[str], widths: Sequence[int], is_right: Sequence[bool]) -> str:
    placed = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, is_right, strict=True)
    ]
    return "  ".join(placed).rstrip()


def print_summary(outcome: "Outcome") -> None:
    """Print each fact of the outcome on its own line. Long lines are not wrapped, so that paths can be copied."""
    from rich.console import Console  # refused requests do not wait for these imports
    from rich.markup import escape

    console = Console(soft_wrap=True, highlight=False)
    console.print()
    for name, value in outcome.facts():
        console.print(f"[bold]{escape(name):<14}[/] {escape(for_terminal(value))}")
