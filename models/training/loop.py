"""The training loop: it takes batches, and produces statistics, sample grids and checkpoints.

Time is counted in images seen (`nimg`). Every step is seeded from (seed, nimg), and the saved state is complete. So a
training that is killed and resumed on the same hardware ends in bit-identical weights.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from models.augmentation.differentiable import augment
from models.compression.robust import Codecs, make_compressor
from models.compute.compilation import compile_methods, compiles
from models.compute.copies import DeviceBatches
from models.compute.device import memory_bytes, memory_errors, memory_format, prepare, select_device
from models.compute.draws import Draws, mixed_seed
from models.compute.parallel import World, share_batch_norm
from models.errors import ConfigError, DivergedError, PeerLostError
from models.grids import contact_sheet, grid_labels, grid_png, to_uint8
from models.networks.families import NetworkSpec
from models.shield.shield import Shield, Trusted
from models.training.checkpoints import CheckpointStore
from models.training.config import TrainConfig
from models.training.guard import Guard, Scorer
from models.training.io import TrainerIO, TrainingInputs
from models.training.state import TrainState
from models.training.steps.recorded import check_recordable, is_recorded, make_step
from models.training.transfer import freeze_layers, start_from

__all__ = ["TrainConfig", "train"]

logger = logging.getLogger(__name__)
# The methods by which objectives call a network, where it is not `forward` alone. The frozen net of projected is not
# compiled: it computes in channels_last.
COMPILED_METHODS: dict[tuple[str, str], tuple[str, ...]] = {
    ("vaegan", "discriminator"): ("forward", "features"),
    ("projected", "discriminator"): ("logits",),
}


def train(
    config: TrainConfig,
    spec: NetworkSpec,
    inputs: TrainingInputs,
    checkpoints: CheckpointStore,
    io: TrainerIO,
    *,
    scorer: Scorer | None = None,
    world: World | None = None,
    device: torch.device | None = None,
) -> TrainState:
    """Train from the newest checkpoint, or from the start, until `config.nimg` images are seen or `io.should_stop()`.

    The main process alone reports to `io` and scores its checkpoints with `scorer`. The state is checkpointed before
    this returns. `state.nimg` says how many images were seen, `state.health` whether the training ended early.

    Raises DivergedError if a health event ends the training (nothing of the broken state is saved), OutOfMemoryError if
    a step does not fit the memory (the state must not be used any more), and ConfigError if the processes cannot share
    a batch evenly, or the inputs do not fit the settings.
    """
    world = world or World()
    clock = io.clock
    device = device or select_device(config.compute.device)
    check_shares(config, world)
    check_recordable(config, device, world)
    prepare(config.compute, device)
    state = make_state(config, spec, device, world, inputs.codecs, inputs.trusted)
    if resumed := checkpoints.load_latest():
        state.restore(resumed)
        logger.info("resuming at %s images", f"{state.nimg:,}")
    elif inputs.initial_weights is not None:
        start_from(state, inputs.initial_weights)
    check_same_start(state.nimg, world)
    if not resumed and world.is_main:
        io.snapshot(0, sample_images(state, config.seed).png())

    step = make_step(state, config, world)
    is_compiled = compiles(config.compute, device)
    compiling = told_compiling if is_compiled and world.is_main else nullcontext
    doing = "compile" if is_compiled else "step"  # the first step of this process compiles
    batches = DeviceBatches(inputs.open_batches(state.nimg), device)
    tick = Tick(state.nimg, resumed.values.get("tick") if resumed else None, device)
    guard = Guard(state, config, checkpoints, world, io, scorer)
    guard.save_if_due()
    while not guard.is_done and not world.any(io.should_stop()):
        # One step: every network sees one batch.
        with clock.spend("data"):
            images, labels = next(batches)
        before = state.nimg
        if before == 0 and world.is_main:
            io.picture("augmented", augmented_sheet(images, config))
        with memory_errors(config.compute.micro_batch_size or len(images)), clock.spend(doing), compiling(io):
            tick.add(step(images, labels))
        doing, compiling = "step", nullcontext
        state.nimg += config.batch_size
        done = state.nimg >= config.nimg
        if not done:
            waited = batches.seconds_waited
            with clock.spend("step"):  # the device computes meanwhile
                batches.read_ahead()
            clock.move(batches.seconds_waited - waited, "step", "data")

        # A tick reports statistics; at intervals it also makes a sample grid and a checkpoint.
        if done or crosses(before, state.nimg, config.tick_nimg):
            state.num_ticks += 1
            try:
                tick.data_seconds = batches.take_waited()
                with clock.spend("step"):  # on a GPU this waits for the steps
                    row = tick.close(state.nimg, device, world)
            except DivergedError as error:
                guard.recover(error)
            else:
                if world.is_main:
                    io.report(row)
                guard.after_tick(row, images, labels)
                if done or state.num_ticks % config.snapshot_ticks == 0:
                    with clock.spend("evaluation"):
                        made = sample_images(state, config.seed)
                        if world.is_main:
                            io.snapshot(state.nimg, made.png())
                        guard.after_snapshot(made.images, made.labels)
            tick = Tick(state.nimg)
            guard.end_tick()

    guard.finish({"tick": tick.values(world)})
    return state


@contextmanager
def told_compiling(io: TrainerIO) -> Iterator[None]:
    """Tell that the first step compiles the networks, and how long that took."""
    io.progress("compiling the networks: this takes a minute or more, and seconds in later trainings")
    began = time.perf_counter()
    yield
    io.progress(f"compiled the networks in {time.perf_counter() - began:.0f} s")


def check_shares(config: TrainConfig, world: World) -> None:
    """Raise ConfigError unless each process gets an equal share of a batch, of at least 2 images (for BatchNorm)."""
    if config.batch_size % world.size or config.batch_size // world.size < 2:
        raise ConfigError(
            f"train.batch_size {config.batch_size} cannot be shared by {world.size} processes: "
            f"choose a multiple of {world.size}, at least {2 * world.size}"
        )


def check_same_start(nimg: int, world: World) -> None:
    """Raise PeerLostError unless all processes continue from the same checkpoint.

    A shared file system may show a new checkpoint to one machine some seconds before another one. A new start of all
    processes finds it everywhere.
    """
    if not world.is_same(nimg):
        raise PeerLostError(
            f"this process found its newest checkpoint at {nimg:,} images, and another one elsewhere: start the "
            "training again, and check that all machines see the same run directory"
        )


def make_state(
    config: TrainConfig,
    spec: NetworkSpec,
    device: torch.device,
    world: World,
    codecs: Codecs | None = None,
    trusted: Trusted | None = None,
) -> TrainState:
    """The state at the start of a training, the same in every process."""
    torch.manual_seed(mixed_seed(config.seed, 0))
    compressor = make_compressor(config.compression, spec, codecs)
    layout = memory_format(config.compute, device)
    state = TrainState(spec, device, layout, compressor, is_recorded=is_recorded(config, device, world))
    freeze_layers(state, config.freeze_layers)
    for role, network in state.roles.items():
        if world.size > 1:
            share_batch_norm(network)
        if compiles(config.compute, device):
            compile_methods(network, compiled_methods(config, spec.family, role))
    if config.shield.policy == "gate":
        if trusted is None:
            raise ConfigError("train.shield.policy is gate, but there are no trusted images: name some hundreds")
        state.shield = Shield(config.shield, spec, trusted, config.seed, device)
    return state


def compiled_methods(config: TrainConfig, family: str, role: str) -> tuple[str, ...]:
    """The names of the methods of one network that are compiled."""
    if role == "discriminator" and config.has_second_derivatives(family):
        return ()
    return COMPILED_METHODS.get((family, role), ("forward",))


class Tick:
    """Means of the statistics over the steps of one tick; `partial` is the unfinished tick of a stopped training."""

    def __init__(
        self, start_nimg: int, partial: dict[str, Any] | None = None, device: torch.device | None = None
    ) -> None:
        self.start_nimg = start_nimg
        self.start = time.perf_counter()
        self.data_seconds = 0.0
        self.num_steps = partial["num_steps"] if partial else 0
        sums = partial["sums"] if partial else {}
        self.names = list(sums)
        self.sums = torch.tensor(list(sums.values()), device=device)
        self.zero = torch.zeros((), device=device)
        # Checkpoints of earlier releases have no counts: there, every step has all statistics.
        self.counts = dict.fromkeys(sums, self.num_steps) | (partial or {}).get("counts", {})

    def add(self, statistics: dict[str, torch.Tensor]) -> None:
        """Add the statistics of one step in two kernels. A step may lack some: only some steps have penalties."""
        self.num_steps += 1
        if added := [name for name in statistics if name not in self.counts]:
            self.zero = torch.zeros_like(statistics[added[0]], dtype=torch.float32)
            self.sums = torch.stack([*self.sums, *[self.zero] * len(added)])
            self.names += added
        found = [statistics[name].float() if name in statistics else self.zero for name in self.names]
        self.sums = self.sums + torch.stack(found)
        self.counts |= {name: self.counts.get(name, 0) + 1 for name in statistics}

    def values(self, world: World) -> dict[str, Any]:
        """The unfinished tick for the checkpoint: sums averaged over all processes, and in how many steps each was."""
        sums = dict(zip(self.names, world.mean(self.sums).tolist(), strict=True))
        return {"num_steps": self.num_steps, "sums": sums, "counts": self.counts}

    def close(self, nimg: int, device: torch.device, world: World) -> dict[str, float]:
        """The record of the tick, equal in every process. Raises DivergedError where a mean is not finite."""
        means = world.mean(self.sums / torch.tensor([self.counts[name] for name in self.names], device=device))
        row: dict[str, float] = {"nimg": nimg, **dict(zip(self.names, means.tolist(), strict=True))}
        if broken := [name for name, value in row.items() if not np.isfinite(value)]:
            raise DivergedError(
                f"not finite between {self.start_nimg:,} and {nimg:,} images: {', '.join(broken)}; expected finite "
                "values: lower train.learning_rate, or train on other data"
            )
        seconds = time.perf_counter() - self.start
        row["images_per_second"] = (nimg - self.start_nimg) / seconds
        row["data_share"] = self.data_seconds / seconds
        row["memory_bytes"] = memory_bytes(device)
        return row


class Samples(NamedTuple):
    """uint8 images (N, C, H, W) and labels (N,) on the CPU, and the number of columns of their grid."""

    images: torch.Tensor
    labels: torch.Tensor
    columns: int

    def png(self) -> bytes:
        """The images as one grid."""
        return grid_png(self.images.numpy(), self.columns)


@torch.no_grad()
def sample_images(state: TrainState, seed: int) -> Samples:
    """Images of the averaged generator, at latents that stay the same for the whole training."""
    columns, labels = grid_labels(state.spec.num_classes)
    z = torch.randn(len(labels), state.spec.latent_dim, generator=torch.Generator().manual_seed(seed))
    images = state.ema(z.to(state.device), labels.to(state.device) if state.spec.num_classes else None)
    return Samples(to_uint8(images).cpu(), labels, columns)


def augmented_sheet(images: torch.Tensor, config: TrainConfig) -> bytes:
    """PNG of the first eight of uint8 `images`, each with copies augmented at full strength."""
    images = images[:8].cpu()
    draws = Draws((config.seed,), images.device, len(images))
    return contact_sheet(images.numpy(), partial(augment, config=config.augment, draws=draws))


def crosses(before: int, after: int, interval: int) -> bool:
    """Whether a multiple of `interval` lies in (before, after]."""
    return before // interval != after // interval
