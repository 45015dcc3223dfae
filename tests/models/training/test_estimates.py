from dataclasses import replace
from typing import Any

import pytest
import torch

from models.compute.draws import Draws
from models.compute.metering.flops import FlopCounter
from models.compute.metering.saved import SavedBytes
from models.networks.families import FAMILIES, NetworkSpec
from models.objectives import OBJECTIVES
from models.training.checkpoints import TENSORS, CheckpointStore
from models.training.config import TrainConfig
from models.training.estimates import Memory, count_flops, estimate, make_batch
from models.training.state import TrainState


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("num_classes", [0, 3])
def test_parameters_and_disk_are_what_a_training_has(family: str, num_classes: int, tmp_path: object) -> None:
    spec = NetworkSpec(family=family, resolution=32, channels=3, num_classes=num_classes, latent_dim=8, width=16)
    config = TrainConfig(family=family, nimg=1000, batch_size=16, tick_nimg=100, checkpoint_ticks=5)
    found = estimate(config, spec)
    state = TrainState(spec, torch.device("cpu"))
    for role, network in state.roles.items():
        assert found.parameters[role] == sum(parameter.numel() for parameter in network.parameters())
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        state.optimizers[role].step()
    path = CheckpointStore(tmp_path).save(0, state.tensors(), state.values())  # type: ignore[arg-type]
    assert found.checkpoint_bytes == pytest.approx((path / TENSORS).stat().st_size, rel=0.15)
    assert (found.num_steps, found.num_checkpoints) == (63, 2)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_memory_of_an_image_is_what_a_real_step_keeps(family: str) -> None:
    spec = NetworkSpec(family=family, resolution=16, image_width=32, channels=3, num_classes=2, latent_dim=8, width=16)
    config = TrainConfig(family=family, batch_size=8)
    state = TrainState(spec, torch.device("cpu"))
    known = [tensor for net in state.roles.values() for tensor in (*net.parameters(), *net.buffers())]

    def kept(size: int) -> int:
        real, classes = torch.rand(size, *spec.shape) * 2 - 1, torch.arange(size) % 2
        shapes = make_batch(state, config, size, penalty_weight=1)
        batch = replace(shapes, real=real, classes=classes, draws=Draws((0,), state.device, size))
        found = []
        for phase in OBJECTIVES[family]:
            with SavedBytes(known) as saved:
                losses = phase(state, batch)
            found.append(saved.total)
            del losses
        return max(found)

    memory = estimate(config, spec).memory
    assert memory.per_image == pytest.approx((kept(8) - kept(4)) / 4, rel=0.05)
    assert memory.at(8) > kept(8)


def test_memory_in_bfloat16_and_the_largest_batch_agree() -> None:
    memory = Memory(constant=1000, per_image=100)
    assert (memory.at(8), memory.at(8, "bf16")) == (1800, 1400)
    assert (memory.largest_batch(1799), memory.largest_batch(1800), memory.largest_batch(900)) == (7, 8, 0)
    assert memory.largest_batch(1400, "bf16") == 8


@pytest.mark.slow
@pytest.mark.parametrize(("resolution", "measured_gib"), [(32, 11.0), (64, 26.5)])
def test_the_memory_of_published_networks_is_what_was_measured_on_a_gpu(resolution: int, measured_gib: float) -> None:
    """Width 768, batch 64, bf16: benchmarks/results/gpu.md."""
    spec = NetworkSpec(family="r3", resolution=resolution, channels=3, num_classes=2, latent_dim=64, width=768)
    memory = estimate(TrainConfig(family="r3", batch_size=64), spec).memory
    assert memory.at(64, "bf16") / 2**30 == pytest.approx(measured_gib, rel=0.1)


@pytest.mark.parametrize(
    "family", [pytest.param(one, marks=pytest.mark.slow if one == "projected" else ()) for one in FAMILIES]
)
def test_the_flops_of_every_family_can_be_counted(family: str) -> None:
    spec = NetworkSpec(family=family, resolution=16, channels=1, num_classes=2, latent_dim=4, width=4)
    assert count_flops(TrainConfig(family=family, batch_size=4), spec) > 0


def forward_flops_of_r3(width: int) -> float:
    """One image through r3's discriminator at 64x64 with 3 channels, from the layers' shapes: 2 for each weight used.

    The generator has the same layers in reverse, except for the filters and its first layer, which are small.
    """
    total = 2.0 * 3 * (width // 2) * 64**2  # the first 1x1 convolution, to half of the width
    total += 2 * (width // 2) * width * 32**2  # the 1x1 convolution of the one resampling that changes the channels
    for side, channels in ((64, width // 2), (32, width), (16, width), (8, width), (4, width)):
        inner = 2 * channels
        expand = reduce = 2 * channels * inner
        mix = 2 * 9 * 16 * inner  # a 3x3 convolution in groups of 16 channels
        total += 2 * (expand + mix + reduce) * side**2  # two blocks
    return total


@pytest.mark.parametrize(
    ("penalty", "discriminator_passes"),
    [
        # The generator's step: real forward, generated forward and back to the images. The discriminator's step, for
        # real and generated images each: forward, back to the images, the derivative of that with respect to its two
        # factors (weights and gradients), and back from the loss with respect to weights and maps.
        ({}, 3 + 2 * (1 + 1 + 2 + 2)),
        # Without penalties: forward, and back with respect to weights and maps.
        ({"every": 4}, 3 + 2 * (6 + 3 * 3) / 4),
        # Three passes, each forward and back with respect to weights and maps.
        ({"method": "differences"}, 3 + 2 * 3 * 3),
    ],
)
def test_a_step_of_r3_has_the_flops_that_are_worked_out_by_hand(
    penalty: dict[str, Any], discriminator_passes: float
) -> None:
    spec = NetworkSpec(family="r3", resolution=64, channels=3, num_classes=0, latent_dim=64, width=64)
    forward = forward_flops_of_r3(spec.width)
    # The generator: forward once for both steps, and back with respect to weights and maps.
    expected = (discriminator_passes + 3) * forward
    config = TrainConfig(family="r3", batch_size=2, width=spec.width, penalty=penalty)
    assert count_flops(config, spec) == pytest.approx(expected, rel=0.01)


def test_a_step_of_dcgan_has_the_flops_of_its_passes() -> None:
    """Discriminator's step: G forward; D both ways on real and generated images. Generator's: G and D both ways."""
    spec = NetworkSpec(family="dcgan", resolution=16, channels=1, num_classes=0, latent_dim=4, width=4)
    forward = {}
    for role, network in spec.build_networks().items():
        size = (spec.latent_dim,) if role == "generator" else (1, 16, 16)
        with torch.no_grad(), FlopCounter() as counter:
            network(torch.zeros(4, *size), None)
        forward[role] = counter.total / 4
    passes = 3 * forward["generator"] + (2 * 3 + 3) * forward["discriminator"]
    found = [count_flops(TrainConfig(family="dcgan", batch_size=size), spec) for size in (4, 8)]
    assert found[0] == pytest.approx(found[1])  # of one image
    assert passes * 0.7 < found[0] <= passes * 1.34
