"""Names of runs."""

import pytest

from tasks.flow_runs.run_names import shorten


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("emoji", "emoji"),
        ("emoji@0d4d19dba6df7e7e", "emoji"),
        ("/data/datasets/emoji/0d4d19dba6df7e7e/manifest.json", "emoji"),
        ("s3://bucket/team/datasets/emoji/0d4d19dba6df7e7e/manifest.json", "emoji"),
        ("models:/emoji/3", "emoji-3"),
        ("models:/emoji@champion", "emoji-champion"),
        ("r3", "r3"),
    ],
)
def test_a_thing_is_named_without_where_it_is(text: str, short: str) -> None:
    assert shorten(text) == short
