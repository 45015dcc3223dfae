"""`shardgan compare`: models side by side, in the terminal and as a page."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows.cli.answers import DONE, print_json, print_table, print_title
from flows.cli.verbs.asking import AsJson, OnlyShow, answer

if TYPE_CHECKING:
    from tasks.evaluation.comparison.side_by_side import Comparison

BEST, CLEARLY_BEST = "*", "**"


def compare(
    *names: Annotated[
        str, Parameter(help="models: name@champion, models:/name/3 or a run; a single name means all its versions")
    ],
    page: Annotated[bool, Parameter(help="also write an HTML page with grids from the same latents")] = True,
    seed: Annotated[int, Parameter(help="of the latents on the page")] = 0,
    json: AsJson = False,
    dry_run: OnlyShow = False,
) -> int:
    """Compare models under the same protocol: scores with intervals, grids from the same latents, settings."""
    return answer(lambda: _compare(names, page and not dry_run, seed, json), json)


def _compare(names: Sequence[str], page: bool, seed: int, as_json: bool) -> int:
    from tasks.evaluation.comparison.side_by_side import compare as put_side_by_side
    from tasks.evaluation.comparison.side_by_side import find_versions
    from tasks.home import home
    from tasks.tracking.inventory.inventory import Inventory

    inventory = Inventory(home())
    comparison = put_side_by_side(inventory, find_versions(inventory, names))
    if not as_json:
        _print(comparison)
        sys.stdout.flush()
    path = _write_page(comparison, seed) if page else None
    if as_json:
        print_json(comparison.model_dump(mode="json") | {"page": str(path or "")})
    elif path:
        print(f"\npage  {path}")
    return DONE


def _write_page(comparison: "Comparison", seed: int) -> Path:
    from tasks.home import home

    with contextlib.redirect_stdout(sys.stderr):  # libraries print there
        from tasks.evaluation.comparison.page import write_page

        return write_page(home(), comparison, seed)


def _print(comparison: "Comparison") -> None:
    titles = [f"{one.name}/{one.version}" for one in comparison.models]
    for problem in comparison.problems:
        print(f"not comparable: {problem}")
    if comparison.scores:
        rows = []
        for row in comparison.scores:
            mark = "" if len(row.best) == len(titles) else CLEARLY_BEST if row.is_clear else BEST
            cells = [f"{text} {mark}".rstrip() if at in row.best else text for at, text in enumerate(row.words())]
            rows.append((row.name, *cells))
        print_table(("SCORE", *titles), rows)
        if comparison.protocol:
            print(f"protocol {comparison.protocol}; {BEST} best, {CLEARLY_BEST} best and its interval meets no other")
    for title, differences in (("settings that differ", comparison.settings), ("facts", comparison.facts)):
        if differences:
            print()
            print_title(title)
            print_table(("", *titles), [(one.name, *one.values) for one in differences])
