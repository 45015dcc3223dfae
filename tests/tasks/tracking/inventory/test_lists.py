"""Datasets and runs are listed from their files, also if these are damaged or other processes work on them."""

import json
import shutil
from pathlib import Path

import pytest

from tasks.home import Home
from tasks.tracking.inventory.datasets import is_building, list_datasets
from tasks.tracking.inventory.inventory import Inventory
from tasks.tracking.inventory.runs import list_runs
from tasks.trainer.run_directory import RunDirectory
from tests.first_wave import DATASET, MADE, RUN_OF_TWO, STOPPED, lay_out_home


@pytest.fixture
def own(tmp_path: Path) -> Home:
    root = lay_out_home(tmp_path)
    return Home(root, str(root))


def test_datasets_have_counts_and_origin(inventory: Inventory) -> None:
    first, made = inventory.datasets
    assert (first.title, first.splits, first.labels) == (DATASET, {"train": 14, "val": 11}, ["bright", "dark"])
    assert (first.is_latest, first.bytes, first.quarantined) == (True, 51_200 + 40_960, 2)
    assert (made.title, made.made_by) == (MADE, "models:/first/1")


def test_runs_have_state_progress_and_score(inventory: Inventory) -> None:
    runs = {run.name: run for run in inventory.runs}
    done, stopped = runs[RUN_OF_TWO], runs[STOPPED[0]]
    assert (done.state, done.nimg, done.total_nimg, done.score_name) == ("done", 480, 480, "FD-EffNetLite0")
    assert (stopped.state, stopped.nimg, stopped.total_nimg) == ("resumable", 240, 1200)
    assert f"{done.dataset}@{done.dataset_version}" == DATASET


def test_a_training_that_runs_shows_its_progress(own: Home) -> None:
    run = RunDirectory(own.runs / STOPPED[0])
    run.set_status("running", 0)
    with run.lock():
        (running,) = (one for one in list_runs(own) if one.name == run.name)
    assert (running.state, running.nimg) == ("running", 240)
    assert running.seconds_left == pytest.approx(960 / running.images_per_second)
    (killed,) = (one for one in list_runs(own) if one.name == run.name)
    assert (killed.state, killed.seconds_left) == ("resumable", None)
    with run.follow(0):
        assert next(one for one in list_runs(own) if one.name == run.name).state == "waiting"


def test_damaged_files_are_listed_with_the_problem(own: Home) -> None:
    (own.runs / RUN_OF_TWO / "config.json").write_text("{")
    with (own.runs / STOPPED[1] / "stats.jsonl").open("a") as stats:
        stats.write('{"nimg": 99')
    (manifest,) = own.root.glob("datasets/made/*/manifest.json")
    manifest.write_text(json.dumps({"version": 1}))
    runs = {run.name: run for run in list_runs(own)}
    assert "not valid JSON" in runs[RUN_OF_TWO].problem
    assert runs[STOPPED[1]].nimg == 240
    (made,) = (one for one in list_datasets(own) if one.name == "made")
    assert (made.title, made.bytes) == (MADE, 0)
    assert "is not a manifest" in made.problem


def test_a_build_that_runs_is_seen(own: Home) -> None:
    from shards.storage.files import locked

    assert not is_building(own, "first")
    with locked(own.root / "datasets" / "first" / ".builds" / "880be1dd905cca31.lock"):
        assert is_building(own, "first")
        assert all(one.is_building == (one.name == "first") for one in list_datasets(own))


def test_an_empty_home_has_nothing_and_is_not_created(tmp_path: Path) -> None:
    nowhere = Home(tmp_path / "home", str(tmp_path / "home"))
    inventory = Inventory(nowhere)
    assert (inventory.datasets, inventory.runs, inventory.models) == ([], [], [])
    assert not nowhere.root.exists()


def test_a_version_without_latest_is_still_listed(own: Home) -> None:
    shutil.move(own.root / "datasets" / "made" / "LATEST", own.root / "elsewhere")
    assert [one.is_latest for one in list_datasets(own)] == [True, False]
