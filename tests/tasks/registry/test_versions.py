"""Versions in the registry: what they lead back to, and how they are named."""

from pathlib import Path

import mlflow
import pytest

from models.errors import CheckpointError
from models.training.checkpoints import file_sha256
from models.training.loop import TrainConfig
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
)
from tasks.tracking.model_ref import CHALLENGER
from tasks.tracking.runs import connect
from tasks.trainer.run_directory import RunDirectory
from tasks.training.stage import plan_run

CONFIG = TrainConfig(width=4, latent_dim=4, nimg=8)


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
    assert ("shardgan.onnx.sha256" in tags) == has_onnx()
    assert float(tags["shardgan.torch_export.max_abs_difference"]) < 1e-5


def test_registering_a_run_twice_gives_one_version(run: RunDirectory, run_id: str) -> None:
    client = connect(home())
    first = register(client, run, run_id, "m")
    assert register(client, run, run_id, "m").version == first.version
    assert len(client.search_model_versions("name = 'm'")) == 1


def test_a_damaged_weights_file_is_refused_on_load(run: RunDirectory, run_id: str, home_dir: Path) -> None:
    version = register(connect(home()), run, run_id, "m")
    (weights,) = home_dir.glob("mlartifacts/**/weights.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(RegistryError, match=r"models:/m/1 is not loaded: its files have the sha256 .* were altered"):
        LoadedGenerator.load(version)
    with pytest.raises(Exception, match="artifact weights is damaged"):  # as consumers load it, who have no registry
        mlflow.pyfunc.load_model("models:/m/1")


@pytest.mark.parametrize("name", ["generator_pyfunc.py", "artifacts/generator.pt2"])
def test_what_the_store_has_exchanged_is_not_vouched_for(
    name: str, run: RunDirectory, run_id: str, home_dir: Path
) -> None:
    logged = mlflow.models.get_model_info(str(register(connect(home()), run, run_id, "m").source))
    (stored,) = (path for path in home_dir.glob(f"mlartifacts/**/{Path(name).name}"))
    given = {name: file_sha256(stored)}
    assert seal_model(connect(home()), logged, given)
    stored.write_bytes(stored.read_bytes() + b"#")
    with pytest.raises(RegistryError, match=f"MLflow stored another {name}"):
        seal_model(connect(home()), logged, given)


def test_what_is_run_when_a_model_is_loaded_is_what_mlflow_wrote(
    run: RunDirectory, run_id: str, home_dir: Path
) -> None:
    logged = mlflow.models.get_model_info(str(register(connect(home()), run, run_id, "m").source))
    (stored,) = home_dir.glob("mlartifacts/**/MLmodel")
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
