"""Registered versions, loaded as a consumer loads them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.checkpoints import CheckpointStore
from models.errors import CheckpointError
from models.state import TrainState
from models.training import TrainConfig
from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry import (
    CHALLENGER,
    CHAMPION,
    export_generator,
    find_champion,
    load_pyfunc,
    register,
    resolve_version,
    split_model_uri,
)
from tasks.run_directory import RunDirectory
from tasks.tracking import RunTracker, connect
from tasks.training import plan_run

CONFIG = TrainConfig(width=4, latent_dim=4, nimg=8)


@pytest.fixture
def run(dataset: str) -> RunDirectory:
    """A run with a checkpoint of an untrained network."""
    import torch

    plan = plan_run(dataset, CONFIG)
    run = RunDirectory(home().runs / plan.run)
    run.create(plan)
    torch.manual_seed(0)
    state = TrainState(plan.network, torch.device("cpu"))
    CheckpointStore(run.checkpoints).save(8, state.tensors(), state.values())
    return run


@pytest.fixture
def run_id(run: RunDirectory) -> str:
    tracker = RunTracker(connect(home()), home(), run, {})
    tracker.finish()
    return tracker.run_id


def test_a_registered_run_is_the_challenger_and_leads_back(run: RunDirectory, run_id: str) -> None:
    client = connect(home())
    version = register(client, run, run_id, "m")
    assert client.get_model_version_by_alias("m", CHALLENGER).version == version.version
    assert find_champion(client, "m") is None
    tags = client.get_model_version("m", version.version).tags
    assert tags["shardgan.run"] == run.name
    assert tags["shardgan.dataset_version"] == run.config().dataset_version
    assert len(tags["shardgan.weights_sha256"]) == 64


def test_registering_a_run_twice_gives_one_version(run: RunDirectory, run_id: str) -> None:
    client = connect(home())
    first = register(client, run, run_id, "m")
    assert register(client, run, run_id, "m").version == first.version
    assert len(client.search_model_versions("name = 'm'")) == 1


def test_the_same_request_gives_the_same_bytes(run: RunDirectory, run_id: str) -> None:
    import pandas as pd

    model = load_pyfunc(register(connect(home()), run, run_id, "m"))
    request = pd.DataFrame({"num_images": [3, 2], "seed": [1, 2], "label": [-1, 0]})
    first, second = model.predict(request), model.predict(request)
    assert list(first["image"]) == list(second["image"])
    assert first["label"].tolist() == [0, 1, 0, 0, 0]
    assert first["seed"].tolist() == [1, 1, 1, 2, 2]
    assert len(set(first["image"])) == 5


@pytest.mark.parametrize(
    ("num_images", "label", "message"), [(0, 0, "num_images is 0"), (10**6, 0, "1 to 100000"), (1, 7, "label is 7")]
)
def test_a_request_out_of_bounds_is_refused(
    run: RunDirectory, run_id: str, num_images: int, label: int, message: str
) -> None:
    import pandas as pd

    model = load_pyfunc(register(connect(home()), run, run_id, "m"))
    with pytest.raises(ValueError, match=message):
        model.predict(pd.DataFrame({"num_images": [num_images], "seed": [0], "label": [label]}))


CONSUMER = """
import sys
import mlflow
import pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/m@champion")
images = model.predict(pd.DataFrame({"num_images": [4], "seed": [7]}))
assert images["image"][0].startswith(b"\\x89PNG"), images
ours = {"shards", "models", "tasks", "flows", "shardgan"}
assert not ours & {name.partition(".")[0] for name in sys.modules}, "one of our packages was loaded"
for name in ours:
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise AssertionError(f"{name} is on the path: this test shows nothing")
print(len(images))
"""


def test_the_champion_loads_where_none_of_our_packages_is(
    run: RunDirectory, run_id: str, tmp_path: Path, home_dir: Path
) -> None:
    client = connect(home())
    version = register(client, run, run_id, "m")
    client.set_registered_model_alias("m", CHAMPION, version.version)
    empty = tmp_path / "empty"
    empty.mkdir()
    # -S leaves out site's .pth files, and with them the editable install; the libraries come by PYTHONPATH.
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(libraries), "HOME": str(empty)}
    environment |= {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", CONSUMER, home().tracking_uri],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "4"
    assert "pickle" not in {path.suffix.lstrip(".") for path in home_dir.rglob("*.pkl")}


def test_a_damaged_weights_file_is_refused_on_load(run: RunDirectory, run_id: str, home_dir: Path) -> None:
    version = register(connect(home()), run, run_id, "m")
    (weights,) = home_dir.glob("mlartifacts/**/weights.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(Exception, match="artifact weights is damaged"):
        load_pyfunc(version)


def test_a_run_without_a_checkpoint_has_nothing_to_register(dataset: str, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "empty-run")
    run.create(plan_run(dataset, CONFIG))
    with pytest.raises(CheckpointError, match="train the run first"):
        export_generator(run, tmp_path)


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("m", ("m", "challenger", "")),
        ("models:/m", ("m", "challenger", "")),
        ("models:/m/3", ("m", "challenger", "3")),
        ("models:/m@champion", ("m", "champion", "")),
    ],
)
def test_the_ways_to_name_a_model(uri: str, parts: tuple[str, str, str]) -> None:
    assert split_model_uri(uri) == parts


@pytest.mark.parametrize("uri", ["", "models:/", "models:/m/three", "models:/m/1/2"])
def test_what_is_no_model_is_refused(uri: str) -> None:
    with pytest.raises(RegistryError, match="is no model: expected"):
        split_model_uri(uri)


def test_an_unknown_model_is_named_with_those_there_are(home_dir: Path) -> None:
    client = connect(home())
    client.create_registered_model("other")
    with pytest.raises(RegistryError, match="registered models: other"):
        resolve_version(client, "models:/m@champion")
