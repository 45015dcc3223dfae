"""Datasets and runs are listed from their files, also if these are damaged or other processes work on them."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tasks.home import Home
from tasks.tracking.inventory.datasets import is_building, list_datasets
from tasks.tracking.inventory.description import describe
from tasks.tracking.inventory.inventory import Inventory
from tasks.tracking.inventory.names import find
from tasks.tracking.inventory.relations import find_children
from tasks.tracking.inventory.runs import find_origins
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
        (running,) = (one for one in Inventory(own).runs if one.name == run.name)
    assert (running.state, running.nimg) == ("running", 240)
    assert running.seconds_left == pytest.approx(960 / running.images_per_second)
    (killed,) = (one for one in Inventory(own).runs if one.name == run.name)
    assert (killed.state, killed.seconds_left) == ("resumable", None)
    with run.follow(0):
        assert next(one for one in Inventory(own).runs if one.name == run.name).state == "waiting"


def test_few_runs_are_read_where_few_are_asked_for(own: Home) -> None:
    for number in range(20):
        (own.runs / f"more-{number}").mkdir()
        (own.runs / f"more-{number}" / "config.json").write_text("{}")
        os.utime(own.runs / f"more-{number}" / "config.json", (number, number))
    inventory = Inventory(own)
    assert inventory.run_names[4:7] == ["more-19", "more-18", "more-17"]
    (described,) = (describe(inventory, match) for match in find(inventory, "first@champion"))
    assert [link.name for link in described.parents if link.what == "run"] == [RUN_OF_TWO]
    assert [link.name for link in find_children(inventory, inventory.datasets[0]) if link.what == "run"]
    assert list(inventory._runs) == [RUN_OF_TWO]
    assert [run.name for run in inventory.newest_runs(5)] == inventory.run_names[:5]
    assert len(inventory._runs) == 5
    assert len(inventory.runs) == 24
    assert inventory.run("nothing") is None


def test_origins_are_those_of_the_runs_that_name_a_text(own: Home) -> None:
    inventory = Inventory(own)
    runs = {run.name: run for run in inventory.runs}
    version = DATASET.partition("@")[2]
    found = {one.name: one for one in find_origins(own, inventory.run_names, version)}
    assert set(found) == {name for name, run in runs.items() if run.dataset_version == version}
    for name, one in found.items():
        assert all(getattr(one, field) == getattr(runs[name], field) for field in one._fields)
    assert not list(find_origins(own, inventory.run_names, "", "no such text"))


def test_damaged_files_are_listed_with_the_problem(own: Home) -> None:
    (own.runs / RUN_OF_TWO / "config.json").write_text("{")
    with (own.runs / STOPPED[1] / "stats.jsonl").open("a") as stats:
        stats.write('{"nimg": 99')
    (manifest,) = own.root.glob("datasets/made/*/manifest.json")
    manifest.write_text(json.dumps({"version": 1}))
    runs = {run.name: run for run in Inventory(own).runs}
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
