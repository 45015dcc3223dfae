"""Outcomes tell their own facts, and the summary in Prefect's UI is made from these alone."""

import typing

import pytest
from pydantic import BaseModel

from flows.cli.commands import COMMANDS
from shards import BuildOutcome
from tasks.flow_runs.summary import _table

BUILT = BuildOutcome(
    dataset="emoji",
    version="1a2b",
    manifest="/data/emoji/1a2b/manifest.json",
    seen=1005,
    kept=1000,
    duplicates=2,
    quarantined=3,
    reasons={"not_an_image": 3},
    reused=True,
    notes=["All images are in one folder."],
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_commands_outcome_tells_its_facts(command: typing.Any) -> None:
    function = getattr(command.load(), "fn", command.load())
    returned = typing.get_type_hints(function)["return"]
    if returned is typing.NoReturn:
        return  # `worker` becomes another program
    for outcome in typing.get_args(returned) or (returned,):  # a study has two kinds
        assert issubclass(outcome, BaseModel)
        assert typing.get_type_hints(outcome.facts)["return"] == list[tuple[str, str]]


def test_a_builds_facts_are_plain_text_in_order() -> None:
    assert BUILT.facts() == [
        ("dataset", "emoji@1a2b (already there: nothing was read)"),
        ("images", "1,005 files seen: 1,000 kept, 2 duplicates, 3 quarantined (3 are not images)"),
        ("note", "All images are in one folder."),
        ("shards", "/data/emoji/1a2b"),
    ]


def test_facts_become_a_table_with_links_and_nothing_in_them_is_markup() -> None:
    facts = [("model", "a|b version 1"), ("run", "*x* <b>"), ("MLflow UI", "http://127.0.0.1:5000")]
    lines = _table(facts, {"model": "http://127.0.0.1:5000/#/models/a%7Cb/versions/1"}).splitlines()
    assert lines[2:] == [
        r"| Model | [a\|b version 1](http://127.0.0.1:5000/#/models/a%7Cb/versions/1) |",
        r"| Run | \*x\* \<b\> |",
        "| MLflow UI | [http://127.0.0.1:5000](http://127.0.0.1:5000) |",
    ]
