"""Each family through the loop: it trains, every number is finite, and a stop changes no bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.compute.config import ComputeConfig
from models.compute.parallel import World
from models.networks.families import FAMILIES, NetworkSpec
from models.objectives import OBJECTIVES
from models.objectives.losses import gaussian_divergence, gradient_penalty, relativistic_loss
from models.objectives.variational import negative_bound
from models.training.checkpoints import CheckpointStore
from models.training.config import TrainConfig
from models.training.io import TrainingInputs
from models.training.loop import train
from models.training.state import TrainState
from models.training.steps import take_step
from tests.models.trainings import StoppingIO, assert_same_bits, random_batches

CPU = ComputeConfig(threads=1, device="cpu")
TRAINED = {"dcgan": "dg", "r3": "dg", "vae": "eg", "vaegan": "deg", "projected": "dg"}
ADAPTIVE = {"policy": "adaptive", "adapt_nimg": 40, "target": 0.0, "colour": 0.5}


def network(family: str, num_classes: int = 2, resolution: int = 16) -> NetworkSpec:
    return NetworkSpec(family=family, resolution=resolution, channels=1, num_classes=num_classes, latent_dim=4, width=8)


def run(
    folder: Path, family: str, stop_at: int | None = None, **settings: Any
) -> tuple[TrainState, list[dict[str, float]]]:
    settings = {"nimg": 64, "batch_size": 8, "tick_nimg": 16, "compute": CPU, **settings}
    io, config = StoppingIO(stop_at), TrainConfig(family=family, **settings)
    state = train(config, network(family), TrainingInputs(random_batches), CheckpointStore(folder), io)
    assert set(io.pictures) <= {"augmented"}
    return state, io.rows


def test_every_family_has_an_objective() -> None:
    assert OBJECTIVES.keys() == FAMILIES.keys() == TRAINED.keys()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("augment", [ADAPTIVE, {"policy": "scheduled", "strength": 0.5}])
def test_a_stopped_and_resumed_training_ends_in_the_same_bits(
    tmp_path: Path, family: str, augment: dict[str, Any]
) -> None:
    whole, rows = run(tmp_path / "whole", family, augment=augment)
    run(tmp_path / "parts", family, stop_at=3, augment=augment)
    resumed, _ = run(tmp_path / "parts", family, augment=augment)
    assert_same_bits(whole, resumed)
    assert all(np.isfinite(value) for row in rows for value in row.values())
    assert {name[-1] for name in rows[0] if name.startswith("gradient_norm_")} == set(TRAINED[family])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_network_of_the_family_learns(tmp_path: Path, family: str) -> None:
    state, _ = run(tmp_path, family)
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    images, labels = torch.randint(0, 256, (8, 1, 16, 16), dtype=torch.uint8), torch.zeros(8, dtype=torch.long)
    take_step(state, TrainConfig(family=family, batch_size=8), images, labels, World())
    for role, net in state.roles.items():
        assert any(not torch.equal(before[f"{role}.{name}"], value) for name, value in net.named_parameters()), role


@pytest.mark.parametrize("size", [4, 3])
def test_micro_batches_sum_up_to_the_batch(tmp_path: Path, size: int) -> None:
    """Of the families, r3 alone has no BatchNorm, whose statistics are a micro-batch's own."""
    whole, _ = run(tmp_path / "whole", "r3")
    parts, rows = run(tmp_path / "parts", "r3", compute=CPU.model_copy(update={"micro_batch_size": size}))
    assert {"loss_d", "loss_g", "penalty_real"} <= rows[0].keys()
    for name, weights in whole.generator.state_dict().items():
        assert torch.allclose(parts.generator.state_dict()[name], weights, rtol=1e-3, atol=1e-5), name


@pytest.mark.parametrize("family", FAMILIES)
def test_what_only_a_gpu_gains_from_is_harmless_on_a_cpu(tmp_path: Path, family: str) -> None:
    flags = {"precision": "bf16", "tf32": True, "channels_last": True, "compile": True, "micro_batch_size": 4}
    _, rows = run(tmp_path, family, compute=CPU.model_copy(update=flags))
    assert all(np.isfinite(value) for row in rows for value in row.values())


@pytest.mark.gpu
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("compiled", [False, True])
def test_on_a_gpu_a_stopped_and_resumed_training_ends_in_the_same_bits(
    tmp_path: Path, family: str, compiled: bool
) -> None:
    compute = ComputeConfig(device="cuda", precision="bf16", compile=compiled)
    whole, rows = run(tmp_path / "whole", family, compute=compute, augment=ADAPTIVE)
    run(tmp_path / "parts", family, stop_at=3, compute=compute, augment=ADAPTIVE)
    resumed, _ = run(tmp_path / "parts", family, compute=compute, augment=ADAPTIVE)
    assert_same_bits(whole, resumed)
    assert all(np.isfinite(value) for row in rows for value in row.values())


@pytest.mark.parametrize("family", ["vae", "vaegan"])
@pytest.mark.parametrize("resolution", [16, 24, 64, 256])
@pytest.mark.parametrize("num_classes", [0, 2])
def test_autoencoders_give_images_back_in_their_own_shape(family: str, resolution: int, num_classes: int) -> None:
    state = TrainState(network(family, num_classes, resolution), torch.device("cpu"))
    images = torch.rand(2, 1, resolution, resolution) * 2 - 1
    classes = torch.tensor([0, 1]) if num_classes else None
    mean, log_variance = state.encoder(images, classes)
    assert mean.shape == log_variance.shape == (2, 4)
    assert state.ema(mean, classes).shape == images.shape
    assert ("discriminator" in state.roles) == (family == "vaegan")


def test_the_penalty_of_a_quadratic_is_known() -> None:
    """logit = x^T A x / 2 + b x with A symmetric: its gradient is A x + b, the penalty's own is 2 A (A x + b) / N."""
    torch.manual_seed(0)
    a, b = torch.randn(12, 12, dtype=torch.float64), torch.randn(12, dtype=torch.float64)
    a = a + a.T
    x = torch.randn(5, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    flat = x.flatten(1)
    penalty = gradient_penalty(0.5 * ((flat @ a) * flat).sum(1) + flat @ b, x)
    slope = (flat @ a + b).detach()
    assert torch.allclose(penalty, slope.square().sum(1).mean())
    (second,) = torch.autograd.grad(penalty, x)
    assert torch.allclose(second.flatten(1), 2 * slope @ a / 5)


def test_the_penalty_reaches_through_a_change_of_the_images() -> None:
    x = torch.randn(4, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    assert gradient_penalty((5 * x).sum((1, 2, 3)), x).item() == pytest.approx(25 * 9)


def test_paired_losses_see_only_differences() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    expected = -torch.sigmoid(real - fake).log().mean()
    assert torch.allclose(relativistic_loss(real, fake), expected)
    assert torch.allclose(relativistic_loss(real + 7, fake + 7), expected)


def test_divergence_and_bound_agree_with_torch_distributions() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch.distributions.kl_divergence(posterior, prior).sum(1).mean()
    assert torch.allclose(gaussian_divergence(mean, log_variance), expected)
    image, real = torch.randn(2, 6, 9, dtype=torch.float64)
    error = (image - real).square().mean()
    likelihood = torch.distributions.Normal(image, error.sqrt()).log_prob(real).mean()
    assert torch.allclose(negative_bound(error, error, expected, 9), -likelihood + expected / 9)
