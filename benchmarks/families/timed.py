"""A training that takes as many steps as fit into a given time, and keeps the averaged generator on the way.

It takes the product's steps (models/training/steps) without checkpoints, statistics and sample grids, so that nothing
but steps is timed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from benchmarks.families.jobs import grid_point
from models.compute.copies import DeviceBatches
from models.compute.parallel import World
from models.errors import ConfigError
from models.networks.families import NetworkSpec
from models.training.config import TrainConfig
from models.training.loop import make_state
from models.training.state import TrainState
from models.training.steps.recorded import check_recordable, is_recorded, make_step
from shards import Split

AHEAD = 16  # steps that the host may be ahead of the device
LAST = 0  # the point at which the time is over


class Kept(NamedTuple):
    """The averaged generator at one point of the grid or at the end, its images seen and seconds since the start."""

    point: int
    nimg: int
    seconds: float
    weights: dict[str, torch.Tensor]


Tell = Callable[[Kept, torch.nn.Module], None]  # receives each kept point, with the averaged generator


@dataclass
class Course:
    """How a training went: the averaged generator at 1,000, 2,000, 5,000, ... images, and at the end (`last`).

    `generator` is a network that these weights fit.
    """

    generator: torch.nn.Module
    is_recorded: bool
    last: Kept
    kept: list[Kept] = field(default_factory=list)


class Clock:
    """Runs from `start` on, which waits for the other trainings; `is_over` is true once the seconds are over.

    The seconds are those of the day on a GPU. On a CPU they are this process's CPU time, which other programs change
    little.
    """

    def __init__(self, device: str, wait: Callable[[], None], is_over: Callable[[float], bool]) -> None:
        self._now = time.process_time if device == "cpu" else time.monotonic
        self._wait = wait
        self._is_over = is_over
        self._began: float | None = None

    def start(self) -> None:
        """Start the clock, unless it runs already."""
        if self._began is None:
            self._wait()
            self._began = self._now()

    @property
    def seconds(self) -> float:
        return 0.0 if self._began is None else self._now() - self._began

    def is_over(self) -> bool:
        return self._is_over(self.seconds)


def train_for(
    config: TrainConfig, spec: NetworkSpec, split: Split, device: torch.device, clock: Clock, tell: Tell
) -> Course:
    """Train until the clock says that the time is over. `tell` is called at each point of the grid.

    If a step cannot be recorded as a CUDA graph, the training starts again without, and the clock runs on.
    """
    try:
        return _train_for(config, spec, split, device, clock, tell)
    except ConfigError as error:
        if config.compute.graph == "off":
            raise
        print(f"without a CUDA graph: {error}", flush=True)
    compute = config.compute.model_copy(update={"graph": "off"})
    return _train_for(config.model_copy(update={"compute": compute}), spec, split, device, clock, tell)


def _train_for(
    config: TrainConfig, spec: NetworkSpec, split: Split, device: torch.device, clock: Clock, tell: Tell
) -> Course:
    check_recordable(config, device, World())
    state = make_state(config, spec, device, World())
    step = make_step(state, config, World())
    batches = DeviceBatches(split.batches(config.batch_size, seed=config.seed), device)
    kept: list[Kept] = []
    clock.start()
    number = 0
    while not clock.is_over():
        step(*next(batches))
        before, state.nimg, number = state.nimg, state.nimg + config.batch_size, number + 1
        batches.read_ahead()
        if number % AHEAD == 0:
            _wait(device)
        if (point := grid_point(state.nimg)) > grid_point(before):
            _wait(device)
            kept.append(Kept(point, state.nimg, clock.seconds, _finite_copy(state)))
            tell(kept[-1], state.ema)
    _wait(device)
    last = Kept(LAST, state.nimg, clock.seconds, _finite_copy(state))
    return Course(state.ema, is_recorded(config, device, World()), last, kept)


def _finite_copy(state: TrainState) -> dict[str, torch.Tensor]:
    """The averaged generator's tensors, copied. Raises ArithmeticError where one is not finite."""
    weights = {name: tensor.detach().clone() for name, tensor in state.ema.state_dict().items()}
    if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        raise ArithmeticError(f"the averaged generator is not finite after {state.nimg:,} images")
    return weights


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
