"""`shardgan show`: everything about a thing that has a name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows.cli.answers import DONE, print_facts, print_json, print_title
from flows.cli.verbs.asking import DRY_RUN, AsJson, answer

if TYPE_CHECKING:
    from tasks.tracking.inventory.description import Description
    from tasks.tracking.inventory.relations import Relation


def show(
    name: Annotated[
        str,
        Parameter(help="a dataset (name, name@version), a run, a model (name, name@alias, models:/name/3), or a path"),
    ],
    /,
    *,
    json: AsJson = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> int:
    """Show a dataset, run or model: its facts, what it comes from, what came from it, paths and links."""
    return answer(lambda: _show(name, json), json)


def _show(name: str, as_json: bool) -> int:
    from tasks.home import home
    from tasks.tracking.inventory.description import describe
    from tasks.tracking.inventory.inventory import Inventory
    from tasks.tracking.inventory.names import find

    inventory = Inventory(home())
    found = [describe(inventory, match) for match in find(inventory, name)]
    if as_json:
        print_json({"found": [one.model_dump(mode="json") for one in found]})
        return DONE
    for place, one in enumerate(found):
        if place:
            print()
        _print(one)
    return DONE


MOST_LINKS = 100  # of one kind


def _print(one: "Description") -> None:
    print_title(f"{one.kind} {one.name}")
    print_facts(one.facts, "  ")
    sections = [
        ("comes from", _links(one.parents)),
        ("gave", _links(one.children)),
        ("other versions" if one.thing else "versions", _links(one.versions)),
        ("on disk", one.paths),
        ("links", one.links),
    ]
    for title, facts in sections:
        if facts:
            print_title(title)
            print_facts(facts, "  ")


def _links(links: "Sequence[Relation]") -> list[tuple[str, str]]:
    """Return the links to print, the first ones if there are many."""
    shown = [(link.what, link.value) for link in links[:MOST_LINKS]]
    more = len(links) - len(shown)
    return [*shown, ("and", f"{more:,} more, which --json lists")] if more else shown
