"""A name leads to a dataset, a run or a version; a wrong one is answered with similar ones."""

import json
from pathlib import Path

import pytest

from tasks.errors import RequestError
from tasks.home import home
from tasks.tracking.inventory.inventory import Inventory
from tasks.tracking.inventory.names import find, find_one
from tasks.tracking.inventory.relations import find_children, find_needed, find_parents
from tasks.tracking.trash.plans import plan_deletions
from tests.first_wave import DATASET, MADE, RUN_OF_ONE, RUN_OF_TWO, STOPPED, lay_out_home


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("made", [MADE]),
        (DATASET, [DATASET]),
        ("first@1081", [DATASET]),
        ("first/10811a0ddef29a44", [DATASET]),
        ("dataset:first", [DATASET]),
        ("first/2", ["models:/first/2"]),
        ("first@champion", ["models:/first/2"]),
        ("models:/first/1", ["models:/first/1"]),
        ("model:first", ["models:/first/2", "models:/first/1"]),
        ("first", [DATASET, "models:/first/2", "models:/first/1"]),
        (RUN_OF_ONE, [RUN_OF_ONE]),
        ("first-vaegan", [STOPPED[1]]),
        ("dcgan-3992d8fd", [RUN_OF_ONE]),
        (f"run:{RUN_OF_TWO}", [RUN_OF_TWO]),
    ],
)
def test_a_name_leads_to_a_thing(inventory: Inventory, name: str, titles: list[str]) -> None:
    assert [one.title for match in find(inventory, name) for one in match.things] == titles


def test_a_path_leads_to_a_thing(inventory: Inventory, root: Path) -> None:
    name, _, version = DATASET.partition("@")
    folder = root / "datasets" / name / version
    assert find_one(inventory, str(folder)).name == DATASET
    assert find_one(inventory, str(folder / "manifest.json")).name == DATASET
    assert find_one(inventory, str(root / "runs" / RUN_OF_ONE)).name == RUN_OF_ONE


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("frist", "there is no 'frist'; did you mean first?"),
        ("first@challengr", "did you mean first@challenger or "),
        ("first-dcgan", "did you mean first-dcgan-"),
        ("run:nothing", "there is no 'run:nothing' in"),
        ("first/9", "did you mean"),
        ("", "there is no '' in"),
    ],
)
def test_an_unknown_name_is_answered_with_similar_ones(inventory: Inventory, name: str, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        find(inventory, name)
    assert message in str(refused.value)


def test_a_name_of_several_things_is_ambiguous(inventory: Inventory) -> None:
    with pytest.raises(RequestError, match="names more than one thing: give dataset:first or models:/first"):
        find_one(inventory, "first")


def test_parents_and_children(inventory: Inventory) -> None:
    def related(name: str) -> tuple[list[str], list[str]]:
        (thing,) = find_one(inventory, name).things
        parents, children = find_parents(inventory, thing), find_children(inventory, thing)
        return [one.name for one in parents], [one.name for one in children]

    assert related("models:/first/1") == ([RUN_OF_ONE, DATASET], [MADE])
    assert related("models:/first/2") == ([RUN_OF_TWO, DATASET, "models:/first/1"], [])
    assert related(RUN_OF_TWO) == ([DATASET], ["models:/first/2"])
    assert related(MADE) == (["models:/first/1"], [])
    _, children = related(DATASET)
    assert set(children) == {RUN_OF_ONE, RUN_OF_TWO, *STOPPED, "models:/first/2", "models:/first/1"}


def test_the_champion_needs_its_run_and_dataset(inventory: Inventory) -> None:
    assert set(find_needed(inventory)) == {"models:/first/2", RUN_OF_TWO, DATASET}


def test_the_champion_needs_every_dataset_of_its_blend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDGAN_HOME", str(lay_out_home(tmp_path)))
    path = home().runs / RUN_OF_TWO / "config.json"
    versions = [dict(zip(("dataset", "version"), title.split("@"), strict=True)) for title in (DATASET, MADE)]
    parents = [{**one, "manifest": "", "share": 0.5} for one in versions]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"parents": parents}))
    inventory = Inventory(home())
    assert {MADE, DATASET} <= set(find_needed(inventory))
    (run,), (dataset,) = (find_one(inventory, name).things for name in (RUN_OF_TWO, MADE))
    assert [one.name for one in find_parents(inventory, run)] == [DATASET, MADE]
    assert RUN_OF_TWO in [one.name for one in find_children(inventory, dataset)]
    with pytest.raises(RequestError, match=f"{MADE} stays: the champion models:/first/2 needs it"):
        plan_deletions(inventory, [MADE])
