"""Training steps that are recorded once as a CUDA graph and then replayed, see models/compute/graphs.py."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from models.compute.graphs import CudaRecording, Record, Recording
from models.compute.parallel import World
from models.errors import ConfigError
from models.training.config import TrainConfig
from models.training.state import TrainState
from models.training.steps.step import Numbers, Statistics, descend_all, next_numbers, take_step

WARM_UP = 3  # steps before one is recorded: libraries choose their kernels, and Adam allocates its moments

Step = Callable[[torch.Tensor, torch.Tensor], Statistics]


def make_step(state: TrainState, config: TrainConfig, world: World) -> Step:
    """The function that takes one step with images and labels. It returns statistics, which the next call changes."""
    if is_recorded(config, state.device, world):
        return RecordedStep(state, config)
    return partial(take_step, state, config, world=world)


def is_recorded(config: TrainConfig, device: torch.device, world: World) -> bool:
    """Whether steps are recorded: with train.compute.graph=auto, where every step is the same kernels on one GPU."""
    wanted = config.compute.graph
    return wanted == "on" or (wanted == "auto" and not _obstacles(config, device, world))


def check_recordable(config: TrainConfig, device: torch.device, world: World) -> None:
    """Raise ConfigError where train.compute.graph is on, but a step is not always the same kernels on one GPU."""
    if config.compute.graph == "on":
        for obstacle in _obstacles(config, device, world):
            raise ConfigError(f"train.compute.graph records one step for all, but {obstacle}: set it to auto")


def _obstacles(config: TrainConfig, device: torch.device, world: World) -> list[str]:
    changes_beta2 = config.schedule.kind == "cosine" and config.schedule.beta2 != config.beta2
    is_lazy = config.family == "r3" and config.penalty.every > 1
    reasons = {
        f"the device is {device}, and only an NVIDIA GPU replays recorded kernels": device.type != "cuda",
        f"{world.size} processes exchange gradients in each step": world.size > 1,
        "train.shield.policy is gate, which trains the shield in some steps": config.shield.policy == "gate",
        "train.compression is learned, which looks at the first images only": config.compression == "learned",
        f"only each step number {config.penalty.every} has gradient penalties (train.penalty.every)": is_lazy,
        f"train.schedule changes beta2 from {config.beta2:g} to {config.schedule.beta2:g}": changes_beta2,
    }
    return [reason for reason, is_so in reasons.items() if is_so]


class RecordedStep:
    """Takes the first steps kernel by kernel, then records one, and replays it from there on.

    What differs between steps is written to the same tensors before each replay: the images, scheduled settings and
    the seeds of the generators. After a rollback the optimisers have new tensors, so a step is recorded again.
    """

    def __init__(self, state: TrainState, config: TrainConfig, record: Record = CudaRecording) -> None:
        self._state = state
        self._config = config
        self._record = record
        self._recording: Recording | None = None
        self._batch: tuple[torch.Tensor, torch.Tensor] | None = None
        self._gamma, self._strength, self._share = (torch.zeros((), device=state.device) for _ in range(3))
        num_parts = -(-config.batch_size // (config.compute.micro_batch_size or config.batch_size))
        self._generators = [torch.Generator(state.device) for _ in range(num_parts)]
        self._num_taken = 0
        self._num_restores = state.num_restores

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> Statistics:
        if self._num_restores != self._state.num_restores:
            self._recording, self._num_taken, self._num_restores = None, 0, self._state.num_restores
        batch = self._fill_batch(images, labels)
        numbers = self._fill_numbers()
        function = partial(descend_all, self._state, self._config, numbers, *batch, World())
        if self._num_taken < WARM_UP:
            self._num_taken += 1
            self._seed(numbers)
            return self._warm_up(function)
        if self._recording is None:
            self._recording = self._recorded(function)
        self._seed(numbers)
        self._recording.replay()
        return self._recording.outputs

    def _fill_batch(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self._batch is None:
            self._batch = images.clone(), labels.clone()
        for mine, given in zip(self._batch, (images, labels), strict=True):
            mine.copy_(given)
        return self._batch

    def _fill_numbers(self) -> Numbers:
        """Write the numbers of the next step to their tensors, and return them as what a step reads."""
        numbers = next_numbers(self._state, self._config)
        now = numbers.now
        self._state.set_optimizers(now.learning_rate, (self._config.beta1, now.beta2))
        self._gamma.fill_(now.gamma)
        self._share.fill_(numbers.ema_share)
        now = replace(now, gamma=self._gamma)
        if self._config.augment.policy == "scheduled":
            self._strength.fill_(now.augment_strength)
            now = replace(now, augment_strength=self._strength)
        return replace(numbers, now=now, ema_share=self._share, generators=self._generators)

    def _seed(self, numbers: Numbers) -> None:
        for generator in self._generators:
            generator.manual_seed(numbers.drawn_seed)

    def _warm_up(self, function: Callable[[], Statistics]) -> Statistics:
        """Take a step on a stream of its own, as recordings do: libraries keep memory for each stream."""
        device = torch.get_device_module(self._state.device)
        stream, present = device.Stream(), device.current_stream()
        stream.wait_stream(present)
        with device.stream(stream):
            statistics = function()
        present.wait_stream(stream)
        return statistics

    def _recorded(self, function: Callable[[], Statistics]) -> Recording:
        try:
            return self._record(function, self._generators)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ConfigError(
                f"a step of family {self._config.family} cannot be recorded ({str(error).splitlines()[0]}): "
                "set train.compute.graph=off"
            ) from error
