"""Size estimates of a training, computed from shapes before it starts."""

from typing import NamedTuple

import torch

from models.compute.draws import Draws
from models.compute.metering.flops import FlopCounter
from models.compute.metering.saved import SavedBytes
from models.networks.families import NetworkSpec
from models.objectives import OBJECTIVES, Batch, Penalties
from models.training.config import TrainConfig
from models.training.schedules import moment
from models.training.state import TrainState

BYTES = 4
COUNTED = (4, 8)  # images of the steps that are counted: family projected compares four images with each other


class Memory(NamedTuple):
    """Memory of one training process, without the data and torch itself: a constant part, and one for each image.

    `constant` is for weights, and what is computed from them. The parts are in bytes, in float32. For r3 on an H200,
    they are 3 to 5 % below the measured peaks of benchmarks/results/gpu.md.
    """

    constant: int
    per_image: int

    def at(self, batch_size: int, arithmetic: str = "fp32") -> int:
        """The bytes for steps in which this many images are computed at once. With bf16, an image needs half."""
        return self.constant + batch_size * self.per_image // (2 if arithmetic == "bf16" else 1)

    def largest_batch(self, limit: int, arithmetic: str = "fp32") -> int:
        """The number of images that fit at once into `limit` bytes. 0: not even one fits."""
        each = self.per_image // (2 if arithmetic == "bf16" else 1)
        return max((limit - self.constant) // max(each, 1), 0)


class Estimate(NamedTuple):
    """Sizes of one training; `memory` is for one process, which has `batch_size` images of each step."""

    parameters: dict[str, int]
    memory: Memory
    batch_size: int
    num_steps: int
    num_checkpoints: int
    checkpoint_bytes: int


def estimate(config: TrainConfig, spec: NetworkSpec, world_size: int = 1) -> Estimate:
    """Parameters, memory, steps and disk space of training `spec` with `config`. Nothing is computed."""
    state = TrainState(spec, torch.device("meta"))
    sizes = {role: sum(parameter.numel() for parameter in net.parameters()) for role, net in state.roles.items()}
    fixed = sum(buffer.numel() for net in state.roles.values() for buffer in net.buffers())
    # Weights, gradients and Adam's two moments of every network, and the averaged generator.
    weights = 4 * sum(sizes.values()) + sizes["generator"] + fixed
    num_ticks = max(1, config.nimg // config.tick_nimg)
    few, many = (count_saved(state, config, size) for size in COUNTED)
    per_image = (many - few) // (COUNTED[1] - COUNTED[0])
    return Estimate(
        parameters=sizes,
        memory=Memory(BYTES * weights + few - COUNTED[0] * per_image, per_image),
        batch_size=max(config.batch_size // world_size, 1),
        num_steps=-(-config.nimg // config.batch_size),
        num_checkpoints=max(1, num_ticks // config.checkpoint_ticks),
        checkpoint_bytes=BYTES * (3 * sum(sizes.values()) + sizes["generator"] + fixed),
    )


def count_saved(state: TrainState, config: TrainConfig, size: int) -> int:
    """Bytes of the tensors that a step of `size` images keeps for backward passes, in the phase that keeps most."""
    batch = make_batch(state, config, size, penalty_weight=1)
    known = [tensor for net in state.roles.values() for tensor in (*net.parameters(), *net.buffers())]
    found = []
    for phase in OBJECTIVES[state.spec.family]:
        with SavedBytes(known) as saved:
            phase(state, batch)
        found.append(saved.total)
    return max(found)


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
    batch = make_batch(state, config, size, penalty_weight)
    with FlopCounter() as counter:
        for phase in OBJECTIVES[spec.family]:
            losses = phase(state, batch).by_role
            for role, loss in losses.items():
                torch.autograd.grad(loss, state.parameters(role), retain_graph=len(losses) > 1)
    per_image: float = counter.total / size
    return per_image


def make_batch(state: TrainState, config: TrainConfig, size: int, penalty_weight: float) -> Batch:
    """Inputs of a step with `size` images, as shapes alone."""
    spec = state.spec
    return Batch(
        real=torch.empty(size, *spec.shape, device=state.device),
        classes=torch.zeros(size, dtype=torch.long, device=state.device) if spec.num_classes else None,
        draw_augmentation=lambda: lambda images: images,
        draws=ShapesOfDraws(size),
        gamma=moment(config, 0).gamma,
        penalties=Penalties(config.penalty.method, penalty_weight, config.penalty.step),
        reconstruction=config.reconstruction,
        consistency=0.0,
    )


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
