"""Versions side by side: one protocol, clear winners, settings that differ, and a page that needs nothing else."""

import re
from pathlib import Path

import pytest

from tasks.errors import RequestError
from tasks.evaluation.comparison.page import Pictures, render_comparison, write_page
from tasks.evaluation.comparison.side_by_side import Comparison, compare, find_versions
from tasks.home import home
from tasks.tracking.inventory.inventory import Inventory
from tests.first_wave import RUN_OF_ONE, STOPPED


@pytest.fixture(scope="module")
def comparison(old_home: Path) -> Comparison:
    inventory = Inventory(home())
    return compare(inventory, find_versions(inventory, ["first"]))


def test_scores_under_one_protocol_have_a_best_version(comparison: Comparison) -> None:
    assert [one.version for one in comparison.models] == ["2", "1"]
    assert comparison.protocol == "804566d2b621"
    rows = {row.name: row for row in comparison.scores}
    distance, recall, density = rows["FD-EffNetLite0"], rows["recall"], rows["density"]
    assert (list(distance.best), distance.is_clear) == ([0], True)
    assert (list(recall.best), recall.is_clear) == ([0], False)
    assert (list(density.best), density.is_clear) == ([0, 1], False)
    assert distance.words()[0] == "21.3 (19.2 to 24.1)"
    assert not any(name.endswith("-std") for name in rows)


def test_only_settings_that_differ_are_named(comparison: Comparison) -> None:
    assert [(one.name, list(one.values)) for one in comparison.settings] == [("train.seed", ["1", "0"])]


def test_versions_without_a_common_protocol_are_not_compared(comparison: Comparison) -> None:
    two, one = comparison.models
    (scores,) = one.scores.values()
    other = one.model_copy(
        update={"scores": {"0": scores.model_copy(update={"protocol": scores.protocol | {"seed": 7}})}}
    )
    inventory = Inventory(home())
    unlike = compare(inventory, [two, other])
    assert (unlike.protocol, [list(row.best) for row in unlike.scores[:2]]) == ("", [[], []])
    assert list(unlike.problems) == ["models:/first/2 and models:/first/1 have different protocols: seed 0 and 7"]
    unscored = compare(inventory, [two, one.model_copy(update={"scores": {}, "shown_scores": {}})])
    assert "models:/first/1 was not scored yet: shardgan evaluate" in unscored.problems[0]
    assert unscored.scores[0].words()[1] == "-"


def test_names_lead_to_versions(old_home: Path) -> None:
    inventory = Inventory(home())
    assert [one.version for one in find_versions(inventory, ["first", RUN_OF_ONE])] == ["2", "1"]
    assert [one.version for one in find_versions(inventory, ["first/1", "first@champion"])] == ["1", "2"]
    with pytest.raises(RequestError, match="only models:/first/2 is named"):
        find_versions(inventory, ["first/2", "first@champion"])
    with pytest.raises(RequestError, match="nor a run from which one was registered"):
        find_versions(inventory, ["first/2", STOPPED[0]])


def test_the_page_shows_both_and_asks_for_nothing(comparison: Comparison) -> None:
    path = write_page(home(), comparison, seed=3)
    page = path.read_text()
    assert path.name == "compare-first-2-first-1.html"
    assert page.count("data:image/png;base64,") + page.count("data:image/webp;base64,") == 4
    assert "rows in turn: bright, dark" in page
    assert "clearly best" in page
    assert "train.seed" in page
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_a_version_that_cannot_be_loaded_says_why(comparison: Comparison) -> None:
    hostile = comparison.models[0].model_copy(update={"name": "<script>"})
    page = render_comparison(
        comparison.model_copy(update={"models": [hostile, comparison.models[1]]}),
        [Pictures(b"", b"", [], problem="its files were <altered>")] * 2,
        0,
    )
    assert "its files were &lt;altered&gt;" in page
    assert "<script>" not in page
