"""The verbs at the command line: list and show."""

from pathlib import Path

import pytest

from tests.first_wave import DATASET, RUN_OF_TWO
from tests.flows.cli.conftest import Ask

pytestmark = pytest.mark.usefixtures("old_home")


def test_list_shows_everything_or_one_kind(ask: Ask) -> None:
    status, everything = ask("list")
    assert status == 0
    assert {"Datasets", "Runs", "Models"} <= set(everything.splitlines())
    assert "models:/first/2  challenger, champion" in everything
    status, models = ask("list", "models", "--json")
    assert (status, [one["version"] for one in models["models"]]) == (0, ["2", "1"])
    assert "runs" not in models


def test_show_describes_every_kind(ask: Ask) -> None:
    status, shown = ask("show", "first")
    assert status == 0
    assert f"dataset {DATASET}" in shown
    assert "needed by   the champion models:/first/2" in shown
    assert "model first" in shown
    status, shown = ask("show", "first@champion", "--json")
    (one,) = shown["found"]
    assert [link["name"] for link in one["parents"]] == [RUN_OF_TWO, DATASET, "models:/first/1"]
    assert Path(dict(one["paths"])["files"]).is_dir()


def test_an_empty_home_says_how_to_begin(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDGAN_HOME", str(tmp_path / "nothing"))
    assert ask("list") == (0, "nothing is here yet: shardgan run --source FOLDER --dataset NAME\n")
    assert ask("list", "runs")[1] == f"there are no runs in {tmp_path / 'nothing'}\n"
    assert not (tmp_path / "nothing").exists()
