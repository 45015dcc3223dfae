"""Starting a training from a run, a checkpoint or a registered version."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.compute.config import ComputeConfig
from models.training.checkpoints import CheckpointStore, file_sha256
from models.training.loop import TrainConfig
from models.training.state import TrainState
from tasks.errors import RegistryError, RequestError
from tasks.home import home
from tasks.registry.versions import register
from tasks.tracking.runs import RunTracker, connect
from tasks.trainer.config import DataConfig
from tasks.trainer.run_directory import RunDirectory
from tasks.trainer.worker import main
from tasks.training.stage import plan_run, prepare_run
from tasks.training.transfer import find_start
from tests.tasks.conftest import make_run

CONFIG = TrainConfig(
    family="dcgan", width=4, latent_dim=4, nimg=16, batch_size=8, compute=ComputeConfig(threads=1, device="cpu")
)


@pytest.fixture
def source(dataset: str) -> RunDirectory:
    return make_run(dataset, CONFIG)


@pytest.fixture
def version(source: RunDirectory) -> str:
    tracker = RunTracker(connect(home()), home(), source, {})
    tracker.finish()
    return f"models:/m/{register(connect(home()), source, tracker.run_id, 'm').version}"


def starting_from(uri: str, dataset: str) -> RunDirectory:
    return RunDirectory(Path(prepare_run.fn(dataset, CONFIG.model_copy(update={"init": uri, "seed": 1}), DataConfig())))


def test_a_run_and_its_checkpoint_are_the_same_start(source: RunDirectory, dataset: str) -> None:
    checkpoint = CheckpointStore(source.checkpoints).committed()[-1]
    assert find_start(str(source.path)) == find_start(str(checkpoint))
    run = starting_from(str(checkpoint), dataset)
    assert file_sha256(run.init) == run.config().init_sha256 == file_sha256(checkpoint / "state.safetensors")
    assert run.path != source.path
    assert run.config().init_nets == source.config().nets_used() == CONFIG.feature_nets_used()


def test_the_weights_decide_the_family_that_a_request_leaves_open(source: RunDirectory, dataset: str) -> None:
    """The rule says projected for this dataset on a GPU, but weights of dcgan would not fit."""
    small = {"width": 4, "latent_dim": 4, "nimg": 16, "compute": {"threads": 1, "device": "cuda"}}
    assert plan_run(dataset, TrainConfig.model_validate(small)).network.family == "projected"
    plan = plan_run(dataset, TrainConfig.model_validate({**small, "init": str(source.path)}))
    assert plan.network.family == "dcgan"
    assert plan.auto is not None
    assert plan.auto.why == "dcgan, because the weights in train.init are of this family"


def test_a_version_brings_its_discriminator_where_its_run_is_at_hand(version: str, dataset: str) -> None:
    tensors = load_file(starting_from(version, dataset).init)
    assert any(name.startswith("discriminator.") for name in tensors)


def test_a_version_whose_run_is_elsewhere_brings_its_generator(
    source: RunDirectory, version: str, dataset: str
) -> None:
    shutil.rmtree(source.path)
    run = starting_from(version, dataset)
    start = find_start(version)
    assert start is not None
    assert start.family == "dcgan"
    assert "layers.0.weight" in load_file(run.init)
    main(run.path)
    status = run.status()
    assert status is not None
    assert (status.state, status.nimg) == ("done", 16)


def test_the_same_request_is_the_same_run_and_other_weights_another(source: RunDirectory, dataset: str) -> None:
    first = starting_from(str(source.path), dataset)
    assert starting_from(str(source.path), dataset).path == first.path
    state = TrainState(source.config().network, torch.device("cpu"))
    CheckpointStore(source.checkpoints).save(16, state.tensors(), state.values())
    assert starting_from(str(source.path), dataset).path != first.path


def test_what_is_not_there_is_refused_before_anything_is_written(dataset: str) -> None:
    with pytest.raises(RequestError, match="expected models:/name@champion, a run directory"):
        starting_from("/nowhere", dataset)
    with pytest.raises(RegistryError, match="the registry has no models:/nobody@champion"):
        starting_from("models:/nobody@champion", dataset)
    assert not home().runs.exists()
