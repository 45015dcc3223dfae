"""One training step: every phase of the family's objective, on one process's share of the batch.

Nothing here reads from the device, so the host never waits for it: statistics stay there until a tick ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from models.augmentation.differentiable import draw_augmentation
from models.compute.compilation import compiles
from models.compute.device import autocast, memory_format
from models.compute.draws import Draws, mixed_seed
from models.compute.parallel import World
from models.grids import to_float
from models.objectives import OBJECTIVES, Batch, Penalties, Phase
from models.shield.filter import filter_batch
from models.shield.shield import ReferenceNetworks
from models.training.config import TrainConfig
from models.training.schedules import Moment, moment
from models.training.state import TrainState

Statistics = dict[str, torch.Tensor]
Gradients = dict[str, list[torch.Tensor]]


@dataclass(frozen=True)
class Numbers:
    """What is different in each step besides the images: scheduled settings, the share of the average, random numbers.

    `generators` (one per micro-batch) are seeded already; without them the draws are seeded from `seed`.
    """

    now: Moment
    ema_share: float | torch.Tensor
    seed: tuple[int, int]
    generators: Sequence[torch.Generator] = ()

    @property
    def drawn_seed(self) -> int:
        """The seed of each generator."""
        return mixed_seed(*self.seed)


def take_step(
    state: TrainState, config: TrainConfig, images: torch.Tensor, labels: torch.Tensor, world: World
) -> Statistics:
    """Train every network on this process's share of the batch. The statistics stay on the device."""
    numbers = next_numbers(state, config)
    state.set_optimizers(numbers.now.learning_rate, (config.beta1, numbers.now.beta2))
    return descend_all(state, config, numbers, images, labels, world)


def next_numbers(state: TrainState, config: TrainConfig) -> Numbers:
    """The numbers of the step that begins at `state.nimg`."""
    now = moment(config, state.nimg)
    return Numbers(now, state.ema_share(now.ema_decay(config.batch_size)), (config.seed, state.nimg + 1))


def descend_all(
    state: TrainState,
    config: TrainConfig,
    numbers: Numbers,
    images: torch.Tensor,
    labels: torch.Tensor,
    world: World,
) -> Statistics:
    """Every phase of a step, then the average. The learning rate is set already."""
    statistics: Statistics = {}
    if state.compressor is not None:
        state.compressor.observe(images, world)
        statistics |= state.compressor.statistics()
    if state.shield:
        references = ReferenceNetworks(state.ema, state.discriminator)
        images, labels, seen = filter_batch(
            state.shield, references, images, labels, nimg=state.nimg, batch_size=config.batch_size
        )
        statistics |= seen
    batches = divide(state, config, numbers, images, labels, world)
    for phase in OBJECTIVES[state.spec.family]:
        gradients, seen = accumulate(phase, state, config, batches)
        statistics |= seen
        for role, mine in gradients.items():
            statistics[f"gradient_norm_{role[0]}"] = state.descend(role, world.average(mine))
    if config.augment.policy == "adaptive" and "sign_real" in statistics:
        state.strength.observe(world.mean(statistics["sign_real"]), config.batch_size, config.augment)
        statistics["augment_strength"] = state.strength.value.clone()
    state.average(numbers.ema_share)
    return statistics


def divide(
    state: TrainState,
    config: TrainConfig,
    numbers: Numbers,
    images: torch.Tensor,
    labels: torch.Tensor,
    world: World,
) -> list[Batch]:
    """This process's share as micro-batches, each with its rows of the random numbers of the whole batch."""
    size = config.compute.micro_batch_size or len(images)
    layout = memory_format(config.compute, state.device)
    now = numbers.now
    strength = state.strength.value if config.augment.policy == "adaptive" else now.augment_strength
    is_compiled = compiles(config.compute, state.device) and not config.has_second_derivatives(state.spec.family)
    penalties = Penalties(config.penalty.method, now.penalty_weight, config.penalty.step)
    batches = []
    for number, first in enumerate(range(0, len(images), size)):
        part = slice(first, min(first + size, len(images)))
        start = world.rank * len(images)
        rows = (start + part.start, start + part.stop)
        generator = numbers.generators[number] if numbers.generators else None
        draws = Draws(numbers.seed, state.device, len(images) * world.size, *rows, generator)
        batches.append(
            Batch(
                real=to_float(images[part]).contiguous(memory_format=layout),
                classes=labels[part] if state.spec.num_classes else None,
                draw_augmentation=partial(draw_augmentation, config.augment, draws, strength, compile=is_compiled),
                draws=draws,
                gamma=now.gamma,
                penalties=penalties,
                reconstruction=config.reconstruction,
                average=world.mean,
                compressor=state.compressor,
                consistency=config.consistency,
                keep_graphs=size >= len(images),
            )
        )
    return batches


def accumulate(
    phase: Phase, state: TrainState, config: TrainConfig, batches: list[Batch]
) -> tuple[Gradients, Statistics]:
    """Gradients by role and statistics of one phase, averaged over all images of this process."""
    gradients: Gradients = {}
    statistics: Statistics = {}
    total = sum(len(batch.real) for batch in batches)
    for batch in batches:
        share = len(batch.real) / total
        with autocast(config.compute, state.device):
            losses = phase(state, batch)
        for role, loss in losses.by_role.items():
            # Losses of one phase may share a graph. Later phases do not use it.
            parts = torch.autograd.grad(loss, state.parameters(role), retain_graph=len(losses.by_role) > 1)
            _add(gradients, role, parts, share)
        for name, value in losses.statistics.items():
            part = value.detach() if share == 1 else value.detach() * share
            statistics[name] = statistics[name] + part if name in statistics else part
    return gradients, statistics


def _add(gradients: Gradients, role: str, parts: tuple[torch.Tensor, ...], share: float) -> None:
    """Add the gradients of one micro-batch, weighted by its share of the images."""
    if share == 1:
        gradients[role] = list(parts)
    elif role in gradients:
        torch._foreach_add_(gradients[role], list(parts), alpha=share)
    else:
        gradients[role] = list(torch._foreach_mul(list(parts), share))
