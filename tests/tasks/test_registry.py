"""Registered versions, loaded as a consumer loads them."""

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

import shards
from models.checkpoints import CheckpointStore
from models.errors import CheckpointError
from models.state import TrainState
from models.training import TrainConfig
from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry import (
    CHALLENGER,
    CHAMPION,
    REQUIREMENTS,
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
from tests.conftest import write_collection

CONFIG = TrainConfig(width=4, latent_dim=4, nimg=8)


def make_run(dataset: str) -> RunDirectory:
    """A run with a checkpoint of an untrained network."""
    plan = plan_run(dataset, CONFIG)
    run = RunDirectory(home().runs / plan.run)
    run.create(plan)
    torch.manual_seed(0)
    state = TrainState(plan.network, torch.device("cpu"))
    CheckpointStore(run.checkpoints).save(8, state.tensors(), state.values())
    return run


@pytest.fixture
def run(dataset: str) -> RunDirectory:
    return make_run(dataset)


@pytest.fixture
def run_id(run: RunDirectory) -> str:
    tracker = RunTracker(connect(home()), home(), run, {})
    tracker.finish()
    return tracker.run_id


@pytest.fixture(scope="module")
def champion_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with one champion, `m`, shared by the tests that only ask it for images."""
    root = tmp_path_factory.mktemp("champion")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDGAN_HOME", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        source = write_collection(root / "pictures")
        config = shards.ShardConfig(source=str(source), dataset="tiny", resolution=16, val_fraction=0.3, workers=1)
        run = make_run(shards.build(config, root).manifest)
        client = connect(home())
        tracker = RunTracker(client, home(), run, {})
        tracker.finish()
        version = register(client, run, tracker.run_id, "m")
        client.set_registered_model_alias("m", CHAMPION, version.version)
        yield root


@pytest.fixture
def served_home(champion_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHARDGAN_HOME", str(champion_home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return champion_home


@pytest.fixture(scope="module")
def model(champion_home: Path) -> Any:
    return mlflow.pyfunc.load_model("models:/m@champion")


def test_a_registered_run_is_the_challenger_and_leads_back(run: RunDirectory, run_id: str) -> None:
    client = connect(home())
    version = register(client, run, run_id, "m")
    assert client.get_model_version_by_alias("m", CHALLENGER).version == version.version
    assert find_champion(client, "m") is None
    tags = client.get_model_version("m", version.version).tags
    assert tags["shardgan.run"] == run.name
    assert tags["shardgan.dataset_version"] == run.config().dataset_version
    assert len(tags["shardgan.weights_sha256"]) == 64
    assert len(tags["shardgan.torch_export.sha256"]) == 64
    assert float(tags["shardgan.torch_export.max_abs_difference"]) < 1e-5


def test_registering_a_run_twice_gives_one_version(run: RunDirectory, run_id: str) -> None:
    client = connect(home())
    first = register(client, run, run_id, "m")
    assert register(client, run, run_id, "m").version == first.version
    assert len(client.search_model_versions("name = 'm'")) == 1


def test_the_same_request_gives_the_same_bytes(run: RunDirectory, run_id: str) -> None:
    model = load_pyfunc(register(connect(home()), run, run_id, "m"))
    request = pd.DataFrame({"num_images": [3, 2], "seed": [1, 2], "label": [-1, 0]})
    first, second = model.predict(request), model.predict(request)
    assert list(first["image"]) == list(second["image"])
    assert first["label"].tolist() == [0, 1, 0, 0, 0]
    assert first["seed"].tolist() == [1, 1, 1, 2, 2]
    assert len(set(first["image"])) == 5


def test_an_image_is_the_same_bytes_whatever_else_is_asked_for(model: Any) -> None:
    alone = model.predict(pd.DataFrame({"num_images": [1], "seed": [7]}))
    many = model.predict(pd.DataFrame({"num_images": [5, 40], "seed": [3, 7]}))
    assert many["image"][5] == alone["image"][0]
    assert list(many["image"][5:]) == list(model.predict(pd.DataFrame({"num_images": [40], "seed": [7]}))["image"])


@pytest.mark.parametrize(("name", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_images_come_in_the_format_asked_for(model: Any, name: str, kind: str) -> None:
    (image,) = model.predict(pd.DataFrame({"num_images": [1], "seed": [0], "format": [name]}))["image"]
    with Image.open(io.BytesIO(image)) as decoded:
        assert (decoded.format, decoded.size) == (kind, (16, 16))


def test_webp_keeps_the_pixels_and_truncation_takes_the_variety(model: Any) -> None:
    def pixels(**columns: object) -> Any:
        table = pd.DataFrame({"num_images": [4], "seed": [0], "label": [0]} | {k: [v] for k, v in columns.items()})
        return np.stack([np.asarray(Image.open(io.BytesIO(image))) for image in model.predict(table)["image"]])

    full = pixels()
    assert np.array_equal(pixels(format="webp"), full)
    assert np.array_equal(pixels(truncation=1.0), full)
    assert 0 == pixels(truncation=0.0).std(axis=0).max() < full.std(axis=0).max()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"num_images": 0}, "num_images is 0"),
        ({"num_images": 10**6}, "1 to 100000"),
        ({"seed": -1}, "seed is -1; expected 0 to"),
        ({"label": 7}, "label is 7"),
        ({"truncation": 1.5}, "truncation is 1.5; expected 0 to 1"),
        ({"format": "gif"}, "format is 'gif'; expected png, jpeg, webp"),
    ],
)
def test_a_request_out_of_bounds_is_refused(model: Any, columns: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.predict(pd.DataFrame([{"num_images": 1, "seed": 0} | columns]))


def test_a_table_asks_for_no_more_than_one_row_may(model: Any) -> None:
    with pytest.raises(ValueError, match="120000 in all rows together"):
        model.predict(pd.DataFrame({"num_images": [60_000, 60_000], "seed": [0, 1]}))


CONSUMER = """
import sys
import mlflow
import pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/m@champion")
images = model.predict(pd.DataFrame({"num_images": [4], "seed": [7], "truncation": [0.5], "format": ["webp"]}))
assert images["image"][0].startswith(b"RIFF"), images
ours = {"shards", "models", "tasks", "flows", "shardgan", "onnx", "prefect", "webdataset", "kornia"}
assert not ours & {name.partition(".")[0] for name in sys.modules}, "one of our packages was loaded"
for name in ours:
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise AssertionError(f"{name} is on the path: this test shows nothing")
print(len(images))
"""


def bare_environment(folder: Path) -> Path:
    """A virtual environment with the packages that the model's requirements name, and what these need; its python.

    The distributions are linked to, not installed: that takes a second, not a minute, and the files are the same.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in closure(REQUIREMENTS):
        distribution = metadata.distribution(name)
        tops = {Path(str(file)).parts[0] for file in distribution.files or []} - {"..", "__pycache__"}
        for top in tops:
            target = Path(str(distribution.locate_file(top)))
            if not (site / top).exists() and target.exists():
                (site / top).symlink_to(target)
    return folder / "bin" / "python"


def closure(names: Iterable[str]) -> set[str]:
    """The distributions of these names and all that they require here, without extras."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another platform or Python
        found.add(name)
        wanted = [Requirement(line) for line in requires]
        waiting += [one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def test_the_champion_loads_in_a_bare_environment(served_home: Path, tmp_path: Path) -> None:
    python = bare_environment(tmp_path / "bare")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment |= {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    done = subprocess.run(
        [python, "-c", CONSUMER, home().tracking_uri],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "4"
    assert list(served_home.rglob("*.pkl")) == []


SERVER_SECONDS = 120.0


@contextmanager
def serving(uri: str, log: Path) -> Iterator[str]:
    """`mlflow models serve` as a process of its own on a free port of this machine; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", uri, "-p", str(port), "-h", "127.0.0.1"]
    environment = os.environ | {"MLFLOW_TRACKING_URI": home().tracking_uri, "PATH": search_path()}
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--env-manager", "local"],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}/ping", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def search_path() -> str:
    """This interpreter's programs first: MLflow starts uvicorn by name."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


def test_the_champion_answers_over_http(served_home: Path, model: Any, tmp_path: Path) -> None:
    rows = [
        {"num_images": 2, "seed": 7, "label": 1, "truncation": 0.5, "format": "jpeg"},
        {"num_images": 1, "seed": 8, "label": -1, "truncation": 1.0, "format": "webp"},
    ]
    with serving("models:/m@champion", tmp_path / "server.log") as address:
        asked = urllib.request.Request(
            f"{address}/invocations",
            json.dumps({"dataframe_records": rows}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            given = json.load(answer)["predictions"]
        assert [(row["seed"], row["label"]) for row in given] == [(7, 1), (7, 1), (8, 0)]
        images = [base64.b64decode(row["image"]) for row in given]
        assert images == list(model.predict(pd.DataFrame(rows))["image"])
        assert [Image.open(io.BytesIO(image)).format for image in images] == ["JPEG", "JPEG", "WEBP"]

        asked.data = json.dumps({"dataframe_records": [rows[0] | {"truncation": 2.0}]}).encode()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked, timeout=60)
        with refused.value as answer:
            assert "truncation is 2.0; expected 0 to 1" in answer.read().decode()


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
