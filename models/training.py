"""The training loop: batches in; ticks, snapshots and checkpoints out. Time is counted in images seen (`nimg`).

Every step is seeded from (seed, rank, nimg) and the saved state is complete, so a run that was killed and resumed on
the same hardware ends in bit-identical weights.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import psutil
import torch
from pydantic import BaseModel, ConfigDict, Field

from models.augmentation import AugmentConfig, augment
from models.checkpoints import CheckpointStore
from models.errors import DivergedError
from models.families import FamilyName, NetworkSpec
from models.grids import grid_labels, grid_png, to_float, to_uint8
from models.losses import discriminator_loss, generator_loss
from models.state import TrainState

logger = logging.getLogger(__name__)

Batches = Iterator[tuple[np.ndarray, np.ndarray]]
Report = Callable[[dict[str, float]], None]
Snapshot = Callable[[int, bytes], None]


class TrainConfig(BaseModel):
    """How a generator is trained. Lengths of time are in images seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: FamilyName = Field("dcgan", title="Family", description="which networks and losses")
    nimg: int = Field(200_000, ge=1, title="Images", description="real images shown to the discriminator in all")
    seed: int = Field(
        0,
        ge=0,
        lt=2**31,
        title="Seed",
        description="decides initial weights, data order, latents and augmentation",
    )
    conditional: bool = Field(True, title="Conditional", description="use the class labels, where the dataset has any")
    batch_size: int = Field(32, ge=2, le=4096, title="Batch size", description="images a step")
    latent_dim: int = Field(100, ge=1, le=1024, title="Latents", description="length of the latent vector z")
    width: int = Field(
        32,
        ge=4,
        le=1024,
        title="Width",
        description="channels of the feature map nearest the image; smaller maps have up to 8 times as many",
    )
    learning_rate: float = Field(4e-4, gt=0, le=0.1, title="Learning rate", description="Adam's, for both networks")
    beta1: float = Field(0.5, ge=0, lt=1, title="Adam beta1", description="decay of the gradients' mean")
    beta2: float = Field(0.999, ge=0, lt=1, title="Adam beta2", description="decay of the gradients' squares")
    ema_half_life_nimg: int = Field(
        5_000,
        ge=1,
        title="EMA half-life",
        description="images after which a weight's share in the averaged generator has halved",
    )
    augment: AugmentConfig = Field(
        AugmentConfig(), title="Augmentation", description="what is done to real and generated images alike"
    )
    tick_nimg: int = Field(5_000, ge=1, title="Tick", description="images between two lines of statistics")
    snapshot_ticks: int = Field(10, ge=1, title="Snapshot every", description="ticks between two sample grids")
    checkpoint_ticks: int = Field(10, ge=1, title="Checkpoint every", description="ticks between two checkpoints")
    keep_checkpoints: int = Field(
        2, ge=1, le=100, title="Keep checkpoints", description="how many of the newest stay on disk"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", title="Device", description="auto: the GPU if there is one")
    threads: int = Field(
        0,
        ge=0,
        le=256,
        title="Threads",
        description="CPU threads; 0: as many as there are cores. Bit-exact resume needs the same number",
    )


def train(
    config: TrainConfig,
    spec: NetworkSpec,
    open_batches: Callable[[int], Batches],
    checkpoints: CheckpointStore,
    report: Report,
    snapshot: Snapshot,
    should_stop: Callable[[], bool],
) -> TrainState:
    """Train from the newest checkpoint, or from nothing, until `config.nimg` images are seen or `should_stop()`.

    `open_batches(nimg)` gives endless (uint8 images NCHW, int64 labels N) from that position on. `report` gets one
    flat record a tick, `snapshot` a PNG. The state is checkpointed before this returns; `state.nimg` tells how far
    it came. Raises DivergedError at the first tick with a value that is not finite, with nothing of it saved.
    """
    device = select_device(config.device)
    make_deterministic(config.threads or os.cpu_count() or 1)
    seed_step(config.seed, rank=0, nimg=-1)
    state = TrainState(spec, config.learning_rate, (config.beta1, config.beta2), device)
    if resumed := checkpoints.load_latest():
        state.restore(resumed)
        logger.info("resuming at %s images", f"{state.nimg:,}")
    else:
        snapshot(0, sample_grid(state, config.seed))

    batches = open_batches(state.nimg)
    tick = Tick(state.nimg)
    while state.nimg < config.nimg and not should_stop():
        # One step: both networks see one batch.
        seed_step(config.seed, rank=0, nimg=state.nimg)
        waiting = time.perf_counter()
        images, labels = next(batches)
        tick.data_seconds += time.perf_counter() - waiting
        before = state.nimg
        tick.add(step(state, config, to_device(images, device), to_device(labels, device)))
        state.nimg += len(images)
        done = state.nimg >= config.nimg

        # Tick: one line of statistics, and with it every so often a grid and a checkpoint.
        if done or crosses(before, state.nimg, config.tick_nimg):
            state.num_ticks += 1
            report(tick.close(state.nimg, device))
            tick = Tick(state.nimg)
            if done or state.num_ticks % config.snapshot_ticks == 0:
                snapshot(state.nimg, sample_grid(state, config.seed))
            if not done and state.num_ticks % config.checkpoint_ticks == 0:
                checkpoints.save(state.nimg, state.tensors(), state.values())

    checkpoints.save(state.nimg, state.tensors(), state.values())
    return state


def step(state: TrainState, config: TrainConfig, images: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """One update of the discriminator, one of the generator, one of the average; the statistics stay on the device."""
    real = to_float(images)
    classes = labels if state.spec.num_classes else None
    z = torch.randn(len(images), state.spec.latent_dim, device=images.device)
    fake = state.generator(z, classes)

    real_logits = state.discriminator(augment(real, config.augment), classes)
    fake_logits = state.discriminator(augment(fake.detach(), config.augment), classes)
    loss_d = discriminator_loss(real_logits, fake_logits)
    norm_d = update(state.optimizer_d, state.discriminator, loss_d)

    # Its weights need no gradients here: only the images' gradient is passed on.
    state.discriminator.requires_grad_(False)
    loss_g = generator_loss(state.discriminator(augment(fake, config.augment), classes))
    state.discriminator.requires_grad_(True)
    norm_g = update(state.optimizer_g, state.generator, loss_g)

    state.update_ema(0.5 ** (len(images) / config.ema_half_life_nimg))
    statistics = {
        "loss_d": loss_d,
        "loss_g": loss_g,
        "logit_real": real_logits.mean(),
        "logit_fake": fake_logits.mean(),
        "accuracy_real": (real_logits > 0).float().mean(),
        "accuracy_fake": (fake_logits < 0).float().mean(),
        "gradient_norm_d": norm_d,
        "gradient_norm_g": norm_g,
    }
    return {name: value.detach() for name, value in statistics.items()}


def update(optimizer: torch.optim.Optimizer, network: torch.nn.Module, loss: torch.Tensor) -> torch.Tensor:
    """One optimiser step down `loss`; returns the norm of the gradients."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
    optimizer.step()
    return norm


class Tick:
    """The means over the steps since the tick before."""

    def __init__(self, start_nimg: int) -> None:
        self.start_nimg = start_nimg
        self.start = time.perf_counter()
        self.data_seconds = 0.0
        self.num_steps = 0
        self.sums: dict[str, torch.Tensor] = {}

    def add(self, statistics: dict[str, torch.Tensor]) -> None:
        """Count one step's statistics in."""
        self.num_steps += 1
        for name, value in statistics.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def close(self, nimg: int, device: torch.device) -> dict[str, float]:
        """The tick's record. Raises DivergedError where a mean is not finite."""
        row: dict[str, float] = {"nimg": nimg}
        row |= {name: total.item() / self.num_steps for name, total in self.sums.items()}
        if broken := [name for name, value in row.items() if not np.isfinite(value)]:
            raise DivergedError(
                f"{', '.join(broken)} not finite between {self.start_nimg:,} and {nimg:,} images; "
                "expected finite values: lower train.learning_rate, or train on other data"
            )
        seconds = time.perf_counter() - self.start
        row["images_per_second"] = (nimg - self.start_nimg) / seconds
        row["data_share"] = self.data_seconds / seconds
        row["memory_bytes"] = memory_bytes(device)
        return row


@torch.no_grad()
def sample_grid(state: TrainState, seed: int) -> bytes:
    """PNG of the averaged generator's images at latents that stay the same for the whole run."""
    columns, labels = grid_labels(state.spec.num_classes)
    z = torch.randn(len(labels), state.spec.latent_dim, generator=torch.Generator().manual_seed(seed))
    images = state.ema(z.to(state.device), labels.to(state.device) if state.spec.num_classes else None)
    return grid_png(to_uint8(images).cpu().numpy(), columns)


def crosses(before: int, after: int, interval: int) -> bool:
    """Whether a multiple of `interval` lies in (before, after]."""
    return before // interval != after // interval


def seed_step(seed: int, rank: int, nimg: int) -> None:
    """Seed every generator of torch from (seed, rank, nimg); nimg -1 stands for the initial weights."""
    torch.manual_seed(int(np.random.SeedSequence([seed, rank, nimg + 1]).generate_state(1, np.uint64)[0]) >> 1)


def select_device(name: str) -> torch.device:
    """The device that `auto`, `cpu` or `cuda` stands for here."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def make_deterministic(threads: int) -> None:
    """Fix what else could change bits: the number of threads and the choice of algorithms."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)


def to_device(array: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device, non_blocking=True)


def memory_bytes(device: torch.device) -> float:
    """Peak GPU memory, or this process's resident memory on the CPU."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return float(psutil.Process().memory_info().rss)


def describe(state: TrainState) -> dict[str, Any]:
    """Parameter counts for people and logs."""
    count = {"generator": state.generator, "discriminator": state.discriminator}
    return {f"{name}_parameters": sum(p.numel() for p in net.parameters()) for name, net in count.items()}
