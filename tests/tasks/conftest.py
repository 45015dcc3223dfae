"""A run with a checkpoint, and a champion that the tests of this folder share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import torch
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

import shards
from models.training.checkpoints import CheckpointStore
from models.training.loop import TrainConfig
from models.training.state import TrainState
from tasks.home import home
from tasks.registry.signing import files_sha256
from tasks.registry.versions import register
from tasks.tracking.model_ref import CHAMPION
from tasks.tracking.runs import RunTracker, connect
from tasks.tracking.tags import VersionTags
from tasks.trainer.run_directory import RunDirectory
from tasks.training.stage import plan_run
from tests.conftest import write_collection

CONFIG = TrainConfig(family="dcgan", width=4, latent_dim=4, nimg=8)


def make_version(client: MlflowClient, name: str, folder: Path) -> ModelVersion:
    """A version of one small file, with the hash by which shardgan knows its files again."""
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text(f"not a model: {folder.name}\n")
    tags = VersionTags(files_sha256=files_sha256(folder), weights_sha256="0" * 64)
    return client.create_model_version(name, folder.as_uri(), tags=tags.as_tags())


def make_run(dataset: str, config: TrainConfig = CONFIG) -> RunDirectory:
    """A run with a checkpoint of an untrained network."""
    plan = plan_run(dataset, config)
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
