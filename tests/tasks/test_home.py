"""Odd names of homes: every URI leads to the file that it was made for."""

import contextlib
import os
import sqlite3
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

import shards
from models.training.loop import TrainConfig
from tasks.home import SPINS, apply_defaults, home, sqlite_uri
from tasks.tracking.links import how_to_open_mlflow
from tasks.tracking.runs import RunTracker, connect
from tasks.trainer.run_directory import RunDirectory
from tasks.training.stage import plan_run

ODD_NAMES = ["it's mine", "what? #1", "100%20 sure", 'a "b" & c=d;e', "ünï cødé 图", "a::b*[c]", "back\\slash", " x "]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory of the user, where links of odd homes are kept."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return tmp_path / "user" / ".cache" / "shardgan" / "homes"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
        lambda name: name.strip(".") and len(name.encode()) < 200
    )
)
def test_a_database_lies_where_its_path_says(cache: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "homes" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "some.db").unlink(missing_ok=True)
    engine = create_engine(sqlite_uri(folder / "some.db"))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE things (name TEXT)")
    engine.dispose()
    with contextlib.closing(sqlite3.connect(folder / "some.db")) as database:
        assert database.execute("SELECT count(*) FROM things").fetchone() == (0,)
    assert list(folder.iterdir()) == [folder / "some.db"]


def test_two_odd_homes_have_two_databases(cache: Path, tmp_path: Path) -> None:
    uris = {sqlite_uri(tmp_path / name / "mlflow.db") for name in ("a?b", "a#b", "a%3Fb", "a", "a'b")}
    assert len(uris) == 5


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_training_finds_its_run_again_and_all_lies_under_the_home(
    cache: Path, tmp_path: Path, name: str, collection: Path, mlflow_tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / name
    root.mkdir()
    monkeypatch.setenv("SHARDGAN_HOME", str(root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    (root / "mlflow.db").write_bytes(mlflow_tables.read_bytes())
    config = shards.ShardConfig(source=str(collection), dataset="tiny", resolution=16, val_fraction=0.3, workers=1)
    built = shards.build(config, root)
    plan = plan_run(built.manifest, TrainConfig(family="dcgan"))
    run = RunDirectory(home().runs / plan.run)
    run.create(plan)
    run.write_sample("000000000080", b"png")
    first = RunTracker(connect(home()), home(), run, {})
    first.finish()
    assert RunTracker(connect(home()), home(), run, {}).run_id == first.run_id
    location = connect(home()).get_run(first.run_id).info.artifact_uri
    assert location is not None
    kept = Path(unquote(location.removeprefix("file://"))) / "samples" / "000000000080.png"
    assert kept.is_relative_to(root)
    assert kept.exists()
    assert set(tmp_path.iterdir()) - before <= {tmp_path / "user"}
    assert how_to_open_mlflow(home()).startswith("mlflow ui")


@pytest.mark.parametrize(
    ("given_variables", "expected"),
    [({}, SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_threads_that_wait_soon_sleep_unless_a_person_says_otherwise(
    given_variables: dict[str, str], expected: str | None, home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given_variables.items():
        monkeypatch.setenv(name, value)
    apply_defaults()
    assert os.environ.get("GOMP_SPINCOUNT") == expected
