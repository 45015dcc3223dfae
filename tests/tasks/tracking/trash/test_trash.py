"""Deleting: champions and what they need stay, everything else comes back within a day, and gc empties the trash."""

import hashlib
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shards.storage.files import locked
from tasks.errors import RequestError
from tasks.home import Home, home
from tasks.tracking.inventory.inventory import Inventory
from tasks.tracking.runs import connect
from tasks.tracking.trash.collection import collect, find_waste
from tasks.tracking.trash.plans import plan_deletions
from tasks.tracking.trash.trash import NOTE, TRASH, delete, list_trash, restore
from tasks.trainer.run_directory import RunDirectory
from tests.first_wave import DATASET, MADE, RUN_OF_ONE, RUN_OF_TWO, STOPPED, lay_out_home


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SHARDGAN_HOME", str(lay_out_home(tmp_path)))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return home()


def snapshot(home: Home) -> dict[str, str]:
    """The hashes of all files but the trash and the database."""
    files = [path for name in ("datasets", "runs", "mlartifacts") for path in (home.root / name).rglob("*")]
    return {
        str(path.relative_to(home.root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }


def remove(home: Home, *names: str) -> None:
    delete(home, plan_deletions(Inventory(home), names))


def let_a_day_pass(home: Home) -> None:
    for path in (home.root / TRASH).glob(f"*/{NOTE}"):
        note = json.loads(path.read_text())
        path.write_text(json.dumps(note | {"at": (datetime.now(UTC) - timedelta(days=1)).isoformat()}))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("first@champion", "models:/first/2 is a champion"),
        ("models:/first", "models:/first/2 is a champion"),
        (RUN_OF_TWO, "the champion models:/first/2 needs it"),
        (DATASET, "the champion models:/first/2 needs it"),
        ("dataset:first", "the champion models:/first/2 needs it"),
        ("first", "names more than one thing"),
        ("nosuch", "there is no 'nosuch'"),
    ],
)
def test_what_a_champion_needs_is_not_deleted(own: Home, name: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        plan_deletions(Inventory(own), [MADE, name])
    assert not (own.root / TRASH).exists()


def test_a_champion_trained_on_generated_images_needs_their_model(own: Home) -> None:
    config = own.runs / RUN_OF_TWO / "config.json"
    name, _, version = MADE.partition("@")
    content = json.loads(config.read_text()) | {"dataset": name, "dataset_version": version}
    config.write_text(json.dumps(content))
    for needed in (MADE, "first/1", RUN_OF_ONE):
        with pytest.raises(RequestError, match="the champion models:/first/2 needs it"):
            plan_deletions(Inventory(own), [needed])


def test_what_a_process_works_on_is_not_deleted(own: Home) -> None:
    with RunDirectory(own.runs / STOPPED[0]).lock(), pytest.raises(RequestError, match="is running: stop the training"):
        plan_deletions(Inventory(own), [STOPPED[0]])
    lock = own.root / "datasets" / "made" / ".builds" / "0.lock"
    with locked(lock), pytest.raises(RequestError, match="a build of made runs"):
        plan_deletions(Inventory(own), ["made"])


def test_what_lies_elsewhere_is_not_deleted(own: Home, tmp_path: Path) -> None:
    other = lay_out_home(tmp_path / "other")
    with pytest.raises(RequestError, match="only what `shardgan list` shows"):
        plan_deletions(Inventory(own), [str(other / "runs" / STOPPED[0])])


def test_what_is_kept_in_a_bucket_is_not_deleted(own: Home) -> None:
    inventory = Inventory(Home(own.root, "memory://bucket"))
    with pytest.raises(RequestError, match="is kept in the bucket memory://bucket: delete it there"):
        plan_deletions(inventory, [STOPPED[0]])


@pytest.mark.parametrize("names", [["made"], [MADE], [STOPPED[0]], ["made", *STOPPED]])
def test_undo_restores_every_byte(own: Home, names: list[str]) -> None:
    before = snapshot(own)
    planned = plan_deletions(Inventory(own), names)
    remove(own, *names)
    left = snapshot(own)
    assert len(left) < len(before)
    assert left.items() <= before.items()
    assert sum(one.bytes for one in planned) > 10_000
    for trashed in list_trash(own):
        restore(own, trashed)
    assert snapshot(own) == before
    assert list_trash(own) == []


def test_the_latest_version_of_a_dataset_is_another_one_afterwards(own: Home) -> None:
    folder = own.root / "datasets" / "made"
    old = folder / "0000000000000001"
    old.mkdir()
    manifest = json.loads(next(folder.glob("9*/manifest.json")).read_text())
    (old / "manifest.json").write_text(json.dumps(manifest | {"version": old.name, "name": f"made@{old.name}"}))
    remove(own, MADE)
    assert (folder / "LATEST").read_text().strip() == old.name
    restore(own, list_trash(own)[0])
    assert (folder / "LATEST").read_text().strip() == MADE.partition("@")[2]


def test_undo_does_not_overwrite_what_was_made_again(own: Home) -> None:
    remove(own, STOPPED[0])
    (own.runs / STOPPED[0]).mkdir()
    with pytest.raises(RequestError, match="exists again"):
        restore(own, list_trash(own)[0])
    assert len(list_trash(own)) == 1


def test_a_version_is_hidden_comes_back_and_is_removed_for_good(own: Home) -> None:
    client = connect(own)
    client.set_registered_model_alias("first", "tried", "1")
    before, files = client.get_model_version("first", "1").tags, Path(Inventory(own).models[1].files)
    remove(own, "first/1")
    assert [one.title for one in Inventory(own).models] == ["models:/first/2"]
    assert "tried" not in client.get_registered_model("first").aliases
    restore(own, list_trash(own)[0])
    assert client.get_model_version("first", "1").tags == before
    assert str(client.get_registered_model("first").aliases["tried"]) == "1"

    remove(own, "first/1")
    assert find_waste(own) == []
    let_a_day_pass(own)
    collect(own, find_waste(own))
    assert [one.title for one in Inventory(own).registered] == ["models:/first/2"]
    assert not files.exists()
    assert list_trash(own) == []


def test_a_version_that_became_champion_meanwhile_stays(own: Home) -> None:
    remove(own, "first/1")
    connect(own).set_registered_model_alias("first", "champion", "1")
    assert "models:/first/1" in [one.title for one in Inventory(own).models]
    collect(own, find_waste(own, everything=True))
    (one,) = (one for one in Inventory(own).models if one.version == "1")
    assert (one.aliases, one.deleted) == (["champion"], "")
    assert Path(one.files).is_dir()


def test_gc_takes_what_is_old_and_leaves_the_rest(own: Home) -> None:
    for folder, name, days in (("features", "a.safetensors", 31), ("logs", "run.log", 40), ("logs", "new.log", 1)):
        path = own.root / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x" * 100)
        os.utime(path, (time.time() - days * 86_400,) * 2)
    remove(own, "made")
    let_a_day_pass(own)
    remove(own, STOPPED[0])
    waste = find_waste(own)
    assert [one.what for one in waste] == ["dataset made", "cached features a.safetensors", "log run.log"]
    collect(own, waste)
    assert find_waste(own) == []
    assert [one.name for one in list_trash(own)] == [STOPPED[0]]
    assert (own.root / "logs" / "new.log").exists()
    assert not (own.root / "datasets" / "made").exists()
