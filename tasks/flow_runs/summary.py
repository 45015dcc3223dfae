"""The summary of each flow in Prefect's UI, made from the facts of its outcome."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from tasks.flow_runs.artifacts import show_summary, table
from tasks.reports.printable import for_markdown

Facts = Iterable[tuple[str, str]]


class Outcome(Protocol):
    """The outcome of a flow. `facts` returns (name, value) pairs of plain text, in reading order."""

    def facts(self) -> list[tuple[str, str]]: ...


def show_outcome(title: str, outcome: Outcome, links: Mapping[str, str] | None = None, origin: Facts = ()) -> None:
    """Show the outcome's facts as the flow run's summary, and below them the origin of a model version.

    `links` maps names of facts to URLs. A value that is a URL also becomes a link.
    """
    sections = [_table(outcome.facts(), links or {})]
    if origin:
        sections.append(f"## Where it comes from\n\n{_table(origin, {})}")
    show_summary(title, *sections)


def _table(facts: Facts, links: Mapping[str, str]) -> str:
    return table(("what", "which"), [(_capitalised(name), _cell(value, links.get(name, ""))) for name, value in facts])


def _cell(value: str, link: str) -> str:
    url = link or (value if value.startswith(("http://", "https://")) else "")
    return f"[{for_markdown(value)}]({url})" if url else for_markdown(value)


def _capitalised(name: str) -> str:
    return for_markdown(name[:1].upper() + name[1:])
