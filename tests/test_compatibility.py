"""What was made before still works: tests/data/first_wave holds what commit 7f6f5f1 wrote, see the README there.

Only surfaces that stay are used: the command line, `python -m shards`, the exports of `shards`, MLflow's own way to
load a model, the entrypoints of deployments, and files. Paths in the artefacts begin with WORK; the fixture `home` lays
them out anew.
"""

import base64
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

import shards
from tasks.service.databases import FORMER_NAME, TODAY
from tests.console import Console, open_console, user_environment

FIRST_WAVE = Path(__file__).parent / "data" / "first_wave"
WORK = "/tmp/shardgan-first-wave"
EXPECTED = json.loads((FIRST_WAVE / "expected.json").read_text())
DEPLOYMENTS = json.loads((FIRST_WAVE / "deployments.json").read_text())["deployments"]
PIPELINE, DATASET = EXPECTED["pipeline"], EXPECTED["dataset"]
FIRST = ["--dataset", "first", "--resolution", "32", "--val-fraction", "0.3", "--workers", "1"]
REPOSITORY = Path(__file__).parent.parent
REGISTERED = yaml.safe_load((REPOSITORY / "deploy" / "prefect.yaml").read_text())["deployments"]
ENTRYPOINTS = {str(one["entrypoint"]) for one in REGISTERED}
# Where deploy/prefect.yaml found the flows until they moved into rooms: all that first_wave has, and four later ones.
LATER = [f"flows.{name}.{name}" for name in ("drift", "ask_approval", "approve_model", "decline_model")]
FORMER_ENTRYPOINTS = sorted({str(old["entrypoint"]) for old in DEPLOYMENTS} | {*LATER})

# Loads the champion as somebody does who has never heard of this repository.
CONSUMER = """
import base64, json, sys

class NoRepository:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("flows", "tasks", "shards", "models"):
            raise ImportError(f"the registered model imports {name} of the repository")

sys.meta_path.insert(0, NoRepository())
import mlflow, pandas

model = mlflow.pyfunc.load_model("models:/first@champion")
table = model.predict(pandas.DataFrame({"num_images": [8], "seed": [7], "format": ["png"]}))
print(json.dumps([[base64.b64encode(row.image).decode(), int(row.label)] for row in table.itertuples()]))
"""


@dataclass(frozen=True)
class Place:
    """Where the artefacts have been laid out, and the variables of a user who works there."""

    root: Path

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def environment(self) -> dict[str, str]:
        return user_environment(self.home) | {"PYTHONPATH": str(REPOSITORY)}

    def moved(self, value: Any) -> Any:
        """`value`, a path or text or a tree of them, with today's places in it."""
        if isinstance(value, Mapping):
            return {key: self.moved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.moved(item) for item in value]
        return value.replace(WORK, str(self.root)) if isinstance(value, str) else value

    def move(self, path: Path) -> None:
        """Put today's places into a text file."""
        path.write_text(self.moved(path.read_text()))

    def build_shards(self, root: Path, arguments: list[str]) -> dict[str, Any]:
        """What `python -m shards` says of building the source under `root`."""
        command = [sys.executable, "-m", "shards", str(self.source), str(root), *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        outcome: dict[str, Any] = json.loads(done.stdout)
        return outcome


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The source and the settings, and nothing built yet."""
    place = Place(tmp_path_factory.mktemp("first-wave"))
    shutil.copytree(FIRST_WAVE / "source", place.source)
    for path in place.source.rglob("*.*"):  # a checkout gives every file the time of the checkout
        os.utime(path, ns=(EXPECTED["source_modified_ns"],) * 2)
    for name in ("settings.yaml", "show-config.yaml"):
        shutil.copy(FIRST_WAVE / name, place.root)
        place.move(place.root / name)
    return place


@pytest.fixture(scope="module")
def rebuilt(place: Place) -> Path:
    """The dataset, built anew into an empty root."""
    root = place.root / "empty"
    place.build_shards(root, FIRST)
    return root / "datasets" / "first"


def lay_out_datasets(rebuilt: Path, target: Path) -> None:
    """The old datasets; the ledger of the old build is put where a build of the source's new place looks for it."""
    shutil.copytree(FIRST_WAVE / "home" / "datasets", target)
    (ledger,) = (target / "first" / ".builds").iterdir()
    (found,) = (path for path in (rebuilt / ".builds").iterdir() if path.is_dir())
    ledger.rename(ledger.with_name(found.name))


@pytest.fixture(scope="module")
def home(place: Place, rebuilt: Path) -> Path:
    """The old SHARDGAN_HOME at its new place."""
    for name in ("runs", "mlartifacts"):
        shutil.copytree(FIRST_WAVE / "home" / name, place.home / name)
    lay_out_datasets(rebuilt, place.home / "datasets")
    for path in (place.home / "runs").glob("*/config.json"):
        place.move(path)
    with closing(sqlite3.connect(place.home / "mlflow.db")) as tables:
        tables.executescript(place.moved((FIRST_WAVE / "home" / "mlflow.sql").read_text()))
    return place.home


@pytest.fixture(scope="module")
def console(place: Place, home: Path) -> Iterator[Console]:
    """The command line at work on the old home."""
    settings = {"SETTINGS": str(place.root / "settings.yaml")}
    with open_console(place.root, place.environment, words=settings) as console:
        yield console


def kept(old: Any, new: Any) -> bool:
    """Whether everything in the tree `old` is in `new`; what was added since does not matter."""
    if isinstance(old, Mapping):
        return isinstance(new, Mapping) and all(key in new and kept(value, new[key]) for key, value in old.items())
    return bool(old == new)


def facts_of(manifest: Path) -> dict[str, Any]:
    content = json.loads(manifest.read_text())
    return {name: content[name] for name in DATASET}


def same_libraries(made: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Skip where Pillow or its codecs are not those of the artefacts: they decide the bytes of what is encoded."""
    if made["libraries"] != expected["libraries"]:
        pytest.skip(f"the codecs are {made['libraries']}, the artefacts were made with {expected['libraries']}")


def test_the_same_source_gives_the_same_version_and_the_same_shards(rebuilt: Path) -> None:
    (manifest,) = rebuilt.glob("*/manifest.json")
    made = facts_of(manifest)
    assert made["counts"] == DATASET["counts"]
    same_libraries(made, DATASET)
    assert made == DATASET
    for record in made["shardlist"]:
        old = FIRST_WAVE / "home" / "datasets" / "first" / DATASET["version"] / record["url"]
        assert (manifest.parent / record["url"]).read_bytes() == old.read_bytes()


@pytest.mark.parametrize("name", EXPECTED["recipes"])
def test_every_recipe_gives_the_same_version_and_the_same_shards(name: str, place: Place, tmp_path: Path) -> None:
    expected = dict(EXPECTED["recipes"][name])
    built = place.build_shards(tmp_path, expected.pop("arguments"))
    made = facts_of(Path(built["manifest"]))
    assert made["counts"] == expected["counts"]
    same_libraries(made, expected)
    assert made == expected


def test_a_source_that_has_grown_goes_on_from_the_old_version(place: Place, rebuilt: Path, tmp_path: Path) -> None:
    lay_out_datasets(rebuilt, tmp_path / "datasets")
    added = place.source / "bright" / "added.png"
    Image.new("RGB", (32, 32), "#cc8844").save(added)
    try:
        grown = place.build_shards(tmp_path, FIRST)
    finally:
        added.unlink()
    manifest = json.loads(Path(grown["manifest"]).read_text())
    assert manifest["grew_from"] == DATASET["version"]
    assert (grown["kept"], grown["reused"]) == (DATASET["counts"]["kept"] + 1, False)


def test_the_old_version_is_read(home: Path) -> None:
    manifest = home / "datasets" / "first" / DATASET["version"] / "manifest.json"
    for name, count in DATASET["num_samples_by_split"].items():
        split = shards.load_split(manifest, name)
        assert split.images.shape == (count, 3, 32, 32)
        for label, images in ((number, split.images[split.labels == number]) for number in (0, 1)):
            # The drawings of `bright` use the upper half of the values, those of `dark` the lower one.
            assert (images.mean() > 128) == (DATASET["labels"][label] == "bright")


def test_what_the_pipeline_made_is_not_made_again(console: Console, place: Place) -> None:
    # Not for promotion: which version is champion is for another test to change.
    outcome = console.run("run", "--config", "SETTINGS", "promote.enabled=false")
    assert outcome["nothing_new"]
    assert kept(place.moved(PIPELINE["build"]) | {"reused": True}, outcome["build"])
    assert kept(place.moved(PIPELINE["train"]), outcome["train"])
    if outcome["evaluate"]["protocol"] == PIPELINE["evaluate"]["protocol"]:
        assert outcome["evaluate"]["scores"] == PIPELINE["evaluate"]["scores"]  # read from the tags, not measured
    assert set(outcome["evaluate"]["scores"]) >= set(PIPELINE["evaluate"]["scores"])
    assert Path(outcome["report"]).is_file()


@pytest.mark.parametrize("family", EXPECTED["stopped"])
def test_a_stopped_training_is_resumed(console: Console, home: Path, family: str) -> None:
    stopped = EXPECTED["stopped"][family]
    run = home / "runs" / stopped["run"]
    before = (run / "stats.jsonl").read_text()
    assert json.loads((run / "status.json").read_text()) | {"reason": ""} == {
        "state": "resumable",
        "nimg": stopped["nimg"],
        "reason": "",
    }
    outcome = console.run(*stopped["arguments"])
    assert outcome["run"] == stopped["run"]
    assert outcome["nimg"] == 1200
    assert json.loads((run / "status.json").read_text())["state"] == "done"
    after = (run / "stats.jsonl").read_text()
    assert after.startswith(before)  # nothing was trained again
    assert json.loads(after.splitlines()[-1])["nimg"] == 1200
    with closing(sqlite3.connect(home / "mlflow.db")) as tables:
        found = tables.execute("SELECT run_uuid, status FROM runs WHERE name = ?", [stopped["run"]]).fetchall()
    assert found == [(outcome["mlflow_run_id"], "FINISHED")]


def test_the_old_champion_is_whole_and_generates(console: Console, place: Place) -> None:
    lineage = console.run("lineage", "models:/first@champion")
    assert lineage["whole"], lineage
    assert lineage["model"] == EXPECTED["lineage"]["model"]
    asked = ["--num-images", "10", "workers=1", "seed=5"]
    made = console.run("generate", "--model", "models:/first@champion", "--dataset", "fresh", *asked)
    assert (made["model"], made["seen"], made["reused"]) == (EXPECTED["promotion"]["champion"], 10, False)
    assert Path(made["manifest"]).is_file()


def test_a_generated_dataset_is_found_again(console: Console, place: Place) -> None:
    known = EXPECTED["generated"]
    assert kept(place.moved(known["outcome"]) | {"reused": True}, console.run(*known["arguments"]))


def test_the_old_version_is_scored_anew(console: Console) -> None:
    words = ["evaluate.num_images=16", "evaluate.input_size=32", "evaluate.device=cpu", "evaluate.seed=1"]
    outcome = console.run("evaluate", "--model", "models:/first/1", "promote.enabled=false", *words)
    assert outcome["protocol"]["seed"] == 1
    assert outcome["protocol"]["dataset_version"] == DATASET["version"]
    assert np.isfinite(outcome["scores"]["FD-EffNetLite0"])


def test_champions_change_by_the_tags_of_old_versions(console: Console) -> None:
    now, before = EXPECTED["promotion"]["champion"], EXPECTED["promotion"]["before"]
    back = console.run("rollback", "--model", "first", "--why", "a look back")
    assert (back["champion"], back["before"]) == (before, now)
    again = console.run("promote", "--model", now, "--why", "and forth")
    assert (again["champion"], again["before"]) == (now, before)


def test_the_old_champion_loads_without_the_repository(place: Place, home: Path) -> None:
    variables = place.environment | {"MLFLOW_TRACKING_URI": f"sqlite:///{home / 'mlflow.db'}"}
    command = [sys.executable, "-I", "-B", "-c", CONSUMER]
    done = subprocess.run(command, cwd=place.root, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [label for _, label in rows] == [0, 1] * 4
    images = [np.asarray(Image.open(io.BytesIO(base64.b64decode(image)))) for image, _ in rows]
    with Image.open(FIRST_WAVE / "generated.png") as picture:
        expected = np.asarray(picture).astype(int)
    # Another processor may round differently.
    assert np.abs(np.concatenate(images, axis=1) - expected).max() <= 2


@pytest.mark.parametrize("name", ["settings.yaml", "show-config.yaml"])
def test_old_settings_mean_what_they_meant(console: Console, place: Place, name: str) -> None:
    plan = console.run("run", "--config", str(place.root / name), "--dry-run", "--no-estimate")
    assert plan["dry_run"]
    assert kept(place.moved(EXPECTED["plan"]["config"]), plan["config"]), plan["config"]


def load_flow(entrypoint: str) -> Flow[..., Any]:
    """What a worker's child calls with the entrypoint that the Prefect server has stored."""
    return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)


@pytest.mark.parametrize("old", DEPLOYMENTS, ids=lambda old: str(old["name"]))
def test_an_old_deployment_still_runs(old: dict[str, Any]) -> None:
    flow = load_flow(old["entrypoint"])
    assert flow.name == old["name"].partition("/")[0]
    assert set(old["parameter_names"]) <= set(flow.parameters.properties)
    config = flow.validate_parameters(old["parameters"])["config"]
    assert kept(old["parameters"]["config"], config.model_dump(mode="json"))


@pytest.mark.parametrize("entrypoint", FORMER_ENTRYPOINTS)
def test_the_entrypoint_of_an_earlier_release_gives_the_flow_of_today(entrypoint: str) -> None:
    name = entrypoint.rpartition(".")[2]
    (today,) = (one for one in ENTRYPOINTS if one.endswith(f".{name}"))
    assert load_flow(entrypoint) is load_flow(today)
    assert load_flow(entrypoint.replace(f".{name}.", f".{name}:")) is load_flow(today)  # Prefect takes both forms


def test_a_name_that_no_release_had_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'flows\.train'"):
        load_flow("flows.train.train")


def test_deployments_keep_their_pools_and_are_found_by_their_names() -> None:
    today = {f"{load_flow(one['entrypoint']).name}/{one['name']}": one["work_pool"] for one in REGISTERED}
    # Our server renames them; tests/tasks/service/test_databases.py has the rest.
    today |= {f"{flow}/{FORMER_NAME}": today[f"{flow}/{name}"] for flow, name in TODAY.items()}
    assert {old["name"]: old["work_pool"] for old in DEPLOYMENTS}.items() <= today.items()
