"""Versions in the registry: what they lead back to, and how they are named."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import mlflow
import pytest
from mlflow.entities.model_registry import ModelVersion

from models.errors import CheckpointError
from models.training.checkpoints import Best, file_sha256
from models.training.loop import TrainConfig
from shards import Dataset
from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.packaging.export import has_onnx
from tasks.registry.versions import (
    export_generator,
    find_champion,
    register,
    resolve_version,
    seal_model,
    why_chosen,
)
from tasks.tracking.model_ref import CHALLENGER
from tasks.tracking.runs import RunTracker, connect
from tasks.trainer.run_directory import RunDirectory
from tasks.training.stage import plan_run
from tests.homes import KeptHome, copy_home
from tests.tasks.conftest import make_run

CONFIG = TrainConfig(family="dcgan", width=4, latent_dim=4, nimg=8)


class Registered(NamedTuple):
    """A run, its MLflow run, and the version of `m` that it is registered as."""

    run: RunDirectory
    run_id: str
    version: ModelVersion


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, sharded_home: Path) -> tuple[KeptHome, Registered]:
    """A home with one registered version: exporting its graphs takes three seconds."""
    root = copy_home(sharded_home, tmp_path_factory.mktemp("registered") / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDGAN_HOME", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        client, run = connect(home()), make_run(Dataset.open("tiny", root).uri)
        tracker = RunTracker(client, home(), run, {})
        tracker.finish()
        registered = Registered(run, tracker.run_id, register(client, run, tracker.run_id, "m"))
    return KeptHome(root), registered


@pytest.fixture
def registered(kept: tuple[KeptHome, Registered], monkeypatch: pytest.MonkeyPatch) -> Iterator[Registered]:
    """The version, in a home that every test finds as it was made."""
    monkeypatch.setenv("SHARDGAN_HOME", str(kept[0].root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    connect(home())
    yield kept[1]
    kept[0].put_back()


def test_a_registered_run_is_the_challenger_and_leads_back(registered: Registered) -> None:
    client, version = connect(home()), registered.version
    assert client.get_model_version_by_alias("m", CHALLENGER).version == version.version
    assert find_champion(client, "m") is None
    tags = client.get_model_version("m", version.version).tags
    assert tags["shardgan.run"] == registered.run.name
    assert tags["shardgan.dataset_version"] == registered.run.config().dataset_version
    assert len(tags["shardgan.weights_sha256"]) == 64
    assert len(tags["shardgan.torch_export.sha256"]) == 64
    assert ("shardgan.onnx.sha256" in tags) == has_onnx()
    assert float(tags["shardgan.torch_export.max_abs_difference"]) < 1e-5


def test_registering_a_run_twice_gives_one_version(registered: Registered) -> None:
    client = connect(home())
    again = register(client, registered.run, registered.run_id, "m")
    assert again.version == registered.version.version
    assert len(client.search_model_versions("name = 'm'")) == 1


def test_a_damaged_weights_file_is_refused_on_load(registered: Registered) -> None:
    (weights,) = home().root.glob("mlartifacts/**/weights.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(RegistryError, match=r"models:/m/1 is not loaded: its files have the sha256 .* were altered"):
        LoadedGenerator.load(registered.version)
    with pytest.raises(Exception, match="artifact weights is damaged"):  # as consumers load it, who have no registry
        mlflow.pyfunc.load_model("models:/m/1")


@pytest.mark.parametrize("name", ["generator_pyfunc.py", "artifacts/generator.pt2"])
def test_what_the_store_has_exchanged_is_not_vouched_for(name: str, registered: Registered) -> None:
    logged = mlflow.models.get_model_info(str(registered.version.source))
    (stored,) = (path for path in home().root.glob(f"mlartifacts/**/{Path(name).name}"))
    given = {name: file_sha256(stored)}
    assert seal_model(connect(home()), logged, given)
    stored.write_bytes(stored.read_bytes() + b"#")
    with pytest.raises(RegistryError, match=f"MLflow stored another {name}"):
        seal_model(connect(home()), logged, given)


def test_what_is_run_when_a_model_is_loaded_is_what_mlflow_wrote(registered: Registered) -> None:
    logged = mlflow.models.get_model_info(str(registered.version.source))
    (stored,) = home().root.glob("mlartifacts/**/MLmodel")
    stored.write_text(stored.read_text().replace("mlflow.pyfunc.loaders.code_model", "theirs"))
    with pytest.raises(RegistryError, match="MLflow stored another MLmodel"):
        seal_model(connect(home()), logged, {})


def test_a_run_without_a_checkpoint_has_nothing_to_register(dataset: str, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "empty-run")
    run.create(plan_run(dataset, CONFIG))
    with pytest.raises(CheckpointError, match="train the run first"):
        export_generator(run, tmp_path)


def test_an_unknown_model_is_named_with_those_there_are(home_dir: Path) -> None:
    client = connect(home())
    client.create_registered_model("other")
    with pytest.raises(RegistryError, match="registered models: other"):
        resolve_version(client, "models:/m@champion")


def test_a_version_says_which_of_the_scored_checkpoints_it_is() -> None:
    best = Best(40, "FD", 12.34, "p")
    scores = [{"nimg": 40, "value": 12.34}, {"nimg": 80, "value": 15.0}]
    start = "best of 2 scored checkpoints: FD 12.34 under protocol p, at 40 images"
    assert why_chosen(40, best, scores) == f"{start}; the last one, at 80 images, had 15"
    assert why_chosen(40, best, scores[::-1]) == f"{start}; it is the last one"
    assert why_chosen(80, best, scores) == (
        "newest complete checkpoint, at 80 images; the best (FD 12.34 under protocol p, at 40 images) is damaged"
    )
    assert why_chosen(80, None, []) == "newest checkpoint, at 80 images; none was scored"
