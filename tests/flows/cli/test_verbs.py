"""The verbs at the command line: list, show, delete, undo, gc."""

import io
from pathlib import Path

import pytest

from tests.first_wave import DATASET, MADE, RUN_OF_TWO, STOPPED
from tests.flows.cli.conftest import Ask


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


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


def test_delete_says_what_goes_and_asks(ask: Ask, old_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = old_home / "runs" / STOPPED[0]
    status, said = ask("delete", STOPPED[0], "--dry-run")
    assert (status, run.exists()) == (0, True)
    assert f"run {STOPPED[0]}  2" in said
    status, said = ask("delete", STOPPED[0])
    assert (status, run.exists()) == (2, True)
    assert "give --yes to agree" in said
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert ask("delete", STOPPED[0])[0] == 1
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert ask("delete", STOPPED[0])[0] == 0
    assert not run.exists()
    assert "1 in the trash, 2" in ask("list")[1]
    assert ask("undo")[1] == f"run {STOPPED[0]} is back\n"
    assert run.exists()


def test_gc_frees_the_trash_when_it_is_asked_to(ask: Ask, old_home: Path) -> None:
    assert ask("delete", "made", "--yes", "--json")[1]["deleted"][0]["name"] == "made"
    assert [one["deletion"]["name"] for one in ask("undo", "--dry-run", "--json")[1]["trash"]] == ["made"]
    assert ask("gc", "--json")[1] == {"dry_run": False, "bytes": 0, "removed": [], "kept": ["made"]}
    status, freed = ask("gc", "--all", "--yes", "--json")
    assert (status, freed["removed"], freed["kept"]) == (0, ["dataset made"], [])
    assert freed["bytes"] > 41_000
    assert MADE not in ask("list")[1]


def test_compare_prints_a_table_and_can_leave_the_page_out(ask: Ask, old_home: Path) -> None:
    status, said = ask("compare", "first", "--no-page")
    assert status == 0
    assert "not comparable: models:/first/2 was not scored yet" in said
    assert "train.seed  1        0" in said
    status, compared = ask("compare", "first/1", RUN_OF_TWO, "--no-page", "--json")
    assert (status, [one["version"] for one in compared["models"]], compared["page"]) == (0, ["1", "2"], "")
    assert not (old_home / "reports").exists()


def test_export_has_a_plan(ask: Ask, tmp_path: Path) -> None:
    asked = ["--classes", "dark", "--out", str(tmp_path / "out"), "--dry-run", "--json"]
    status, plan = ask("export", "first@champion", *asked)
    assert (status, (tmp_path / "out").exists()) == (0, False)
    assert plan["would"][0] == "make 64 images of dark with models:/first/2, seed 0"


def test_dossier_push_and_pull_have_plans(ask: Ask, tmp_path: Path, old_home: Path) -> None:
    status, plan = ask("push", "first@champion", str(tmp_path / "repository"), "--dry-run", "--json")
    assert (status, plan["config"]["repo"]) == (0, str(tmp_path / "repository"))
    assert plan["would"] == [
        "verify the files of first@champion, and write its dossier",
        f"copy both to the folder {tmp_path / 'repository'}",
    ]
    _, plan = ask("dossier", "first@champion", "shards=false", "--dry-run", "--json")
    assert plan["would"][0] == "check every hash of first@champion, reading no shard"
    _, plan = ask("pull", "team/first", "--dry-run", "--json")
    assert plan["would"][1] == "register it as the name that its dossier gives; nothing of it is run"
    assert ask("push", "first@champion", "--dry-run")[0] == 2
    assert not (tmp_path / "repository").exists()


def test_completion_is_installed_for_the_shell(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/bash")
    status, _ = ask("--install-completion")
    script = tmp_path / ".local" / "share" / "bash-completion" / "completions" / "shardgan"
    assert status == 0
    assert "--num-images" in script.read_text()
    assert "shardgan" in (tmp_path / ".bashrc").read_text()
