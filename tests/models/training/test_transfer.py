from functools import partial
from pathlib import Path

import pytest
import torch

from models.compute.config import ComputeConfig
from models.errors import ConfigError
from models.networks.families import FAMILIES, NetworkSpec
from models.training.checkpoints import CheckpointStore
from models.training.config import TrainConfig
from models.training.io import TrainingInputs
from models.training.loop import train
from models.training.state import TrainState
from models.training.transfer import freeze_layers, start_from
from tests.models.trainings import StoppingIO, assert_same_bits, random_batches

CPU = ComputeConfig(threads=1, device="cpu")


def fresh(family: str, num_classes: int = 3, seed: int = 0, width: int = 8) -> TrainState:
    torch.manual_seed(seed)
    spec = NetworkSpec(family=family, resolution=16, channels=1, num_classes=num_classes, latent_dim=4, width=width)
    return TrainState(spec, torch.device("cpu"))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoint_of_the_same_shape_is_taken_over_whole(family: str) -> None:
    source, target = fresh(family), fresh(family, seed=1)
    assert start_from(target, source.tensors()) == []
    wanted = source.ema.state_dict()
    for network in (target.generator, target.ema):
        assert all(torch.equal(value, wanted[name]) for name, value in network.state_dict().items())
    if family != "vae":
        ours, theirs = target.discriminator.state_dict(), source.discriminator.state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("family", FAMILIES)
def test_other_classes_start_anew_and_all_else_is_taken(family: str) -> None:
    source, target = fresh(family, 3), fresh(family, 5, seed=1)
    left = start_from(target, source.tensors())
    assert left
    assert {name.split(".")[1] for name in left} <= {"label_embedding", "head", "heads", "layers"}
    assert all("label_embedding" in name for name in left if name.startswith(("generator", "ema")))
    assert target.generator(torch.randn(5, 4), torch.arange(5)).shape == (5, 1, 16, 16)


def test_a_generators_weights_alone_leave_the_discriminator_fresh() -> None:
    source, target = fresh("dcgan"), fresh("dcgan", seed=1)
    before = target.discriminator.state_dict()["layers.0.weight"].clone()
    left = start_from(target, dict(source.ema.state_dict()))
    assert {name.split(".")[0] for name in left} == {"discriminator"}
    assert torch.equal(target.discriminator.state_dict()["layers.0.weight"], before)


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(ConfigError, match="same family, resolution, width"):
        start_from(fresh("dcgan"), fresh("r3").tensors())


@pytest.mark.parametrize("family", ["dcgan", "r3", "vaegan"])
def test_frozen_layers_stay_and_a_resume_changes_no_bit(tmp_path: Path, family: str) -> None:
    source = fresh(family)
    config = TrainConfig(family=family, nimg=64, batch_size=8, tick_nimg=16, freeze_layers=1, compute=CPU)

    def run(folder: Path, stop_at: int | None = None) -> TrainState:
        inputs = TrainingInputs(partial(random_batches, num_classes=3), initial_weights=source.tensors())
        return train(config, source.spec, inputs, CheckpointStore(folder), StoppingIO(stop_at))

    whole = run(tmp_path / "whole")
    run(tmp_path / "parts", stop_at=3)
    resumed = run(tmp_path / "parts")
    assert_same_bits(whole, resumed)
    ours, theirs = whole.discriminator.state_dict(), source.discriminator.state_dict()
    assert torch.equal(ours["layers.0.weight"], theirs["layers.0.weight"])
    assert sum(not torch.equal(ours[name], theirs[name]) for name in ours) > 1


def test_freezing_what_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="no discriminator"):
        freeze_layers(fresh("vae"), 1)
    with pytest.raises(ConfigError, match="freeze fewer"):
        freeze_layers(fresh("dcgan"), 9)
