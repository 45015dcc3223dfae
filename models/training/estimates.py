"""Size estimates of a training, computed from shapes before it starts."""

from typing import NamedTuple

import torch
from torch import nn

from models.compute.draws import Draws
from models.compute.metering.flops import FlopCounter
from models.networks.families import NetworkSpec
from models.objectives import OBJECTIVES, Batch, Penalties
from models.training.config import TrainConfig
from models.training.schedules import moment
from models.training.state import TrainState, attach_frozen

BYTES = 4
# How many copies of a network's feature maps are in memory at once. The discriminator sees real and generated images,
# and a gradient penalty also keeps the graph of the first backward pass.
COPIES = {"generator": 1, "discriminator": 2, "encoder": 1}
COPIES_WITH_PENALTY = {"generator": 1, "discriminator": 6}


class Estimate(NamedTuple):
    """Sizes of one training; memory is for one process, without the data and torch itself."""

    parameters: dict[str, int]
    memory_bytes: int
    num_steps: int
    num_checkpoints: int
    checkpoint_bytes: int


def estimate(config: TrainConfig, spec: NetworkSpec, world_size: int = 1) -> Estimate:
    """Parameters, memory, steps and disk space of training `spec` with `config`; no tensor is allocated."""
    with torch.device("meta"):
        networks = spec.build_networks()
    attach_frozen(networks, spec, torch.device("meta"))
    batch = config.compute.micro_batch_size or config.batch_size // world_size
    sizes = {role: sum(parameter.numel() for parameter in net.parameters()) for role, net in networks.items()}
    fixed = sum(buffer.numel() for net in networks.values() for buffer in net.buffers())
    copies = COPIES_WITH_PENALTY if spec.family == "r3" else COPIES
    maps = sum(copies[role] * count_features(net, role, spec, batch) for role, net in networks.items())
    # Weights, gradients and Adam's two moments of every network, and the averaged generator.
    weights = 4 * sum(sizes.values()) + sizes["generator"] + fixed
    num_ticks = max(1, config.nimg // config.tick_nimg)
    return Estimate(
        parameters=sizes,
        memory_bytes=BYTES * (weights + maps),
        num_steps=-(-config.nimg // config.batch_size),
        num_checkpoints=max(1, num_ticks // config.checkpoint_ticks),
        checkpoint_bytes=BYTES * (3 * sum(sizes.values()) + sizes["generator"] + fixed),
    )


def count_features(network: nn.Module, role: str, spec: NetworkSpec, batch: int) -> int:
    """Number of values in all feature maps of one pass of `batch` images through a network on the meta device."""
    total = 0

    def add(_module: nn.Module, _inputs: object, output: object) -> None:
        nonlocal total
        total += output.numel() if isinstance(output, torch.Tensor) else 0

    frozen = getattr(network, "pyramid", None)
    for module in [*network.modules(), *(frozen.blocks.modules() if frozen else ())]:
        if not list(module.children()):
            module.register_forward_hook(add)
    labels = torch.zeros(batch, dtype=torch.long, device="meta") if spec.num_classes else None
    size = (spec.latent_dim,) if role == "generator" else spec.shape
    network(torch.zeros(batch, *size, device="meta"), labels)
    return total


def count_flops(config: TrainConfig, spec: NetworkSpec) -> float:
    """Model FLOPs of one image in a training step: every convolution and matrix product of all phases.

    Passes backward and gradient penalties are in it; augmentation, compression, the shield and optimisers are not. The
    step runs on the device meta, so nothing is computed: it takes a few seconds for a large network.
    """
    state = TrainState(spec, torch.device("meta"))
    every = config.penalty.every if spec.family == "r3" else 1
    with_penalties = count_step(state, config, penalty_weight=every)
    if every == 1:
        return with_penalties
    return (with_penalties + (every - 1) * count_step(state, config, penalty_weight=0)) / every


def count_step(state: TrainState, config: TrainConfig, penalty_weight: float) -> float:
    """Model FLOPs of one image in one step, with gradient penalties unless their weight is 0."""
    spec, size = state.spec, config.batch_size
    batch = Batch(
        real=torch.empty(size, *spec.shape, device=state.device),
        classes=torch.zeros(size, dtype=torch.long, device=state.device) if spec.num_classes else None,
        draw_augmentation=lambda: lambda images: images,
        draws=ShapesOfDraws(size),
        gamma=moment(config, 0).gamma,
        penalties=Penalties(config.penalty.method, penalty_weight, config.penalty.step),
        reconstruction=config.reconstruction,
        consistency=0.0,
    )
    with FlopCounter() as counter:
        for phase in OBJECTIVES[spec.family]:
            losses = phase(state, batch).by_role
            for role, loss in losses.items():
                torch.autograd.grad(loss, state.parameters(role), retain_graph=len(losses) > 1)
    per_image: float = counter.total / size
    return per_image


class ShapesOfDraws(Draws):
    """Draws without numbers, for the device meta."""

    def __init__(self, total: int) -> None:
        self.total = total

    def normal(self, *shape: int) -> torch.Tensor:
        """An empty tensor of the shape that the numbers would have."""
        return torch.empty(self.total, *shape, device="meta")

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        """An empty tensor of the shape that the numbers would have."""
        return torch.empty(self.total, *shape, device="meta")
