"""The training loop: batches in; ticks, snapshots and checkpoints out. Time is counted in images seen (`nimg`).

Every step is seeded from (seed, rank, nimg) and the saved state is complete, so a run that was killed and resumed on
the same hardware ends in bit-identical weights.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import psutil
import torch

from models.augmentation import augment
from models.checkpoints import CheckpointStore
from models.config import TrainConfig
from models.errors import DivergedError
from models.families import NetworkSpec
from models.grids import contact_sheet, grid_labels, grid_png, to_float, to_uint8
from models.objectives import OBJECTIVES, Batch
from models.schedules import moment
from models.state import TrainState

__all__ = ["TrainConfig", "train"]

logger = logging.getLogger(__name__)

Batches = Iterator[tuple[np.ndarray, np.ndarray]]
Report = Callable[[dict[str, float]], None]
Snapshot = Callable[[int, bytes], None]
Picture = Callable[[str, bytes], None]


def train(
    config: TrainConfig,
    spec: NetworkSpec,
    open_batches: Callable[[int], Batches],
    checkpoints: CheckpointStore,
    report: Report,
    snapshot: Snapshot,
    should_stop: Callable[[], bool],
    picture: Picture = lambda _name, _png: None,
) -> TrainState:
    """Train from the newest checkpoint, or from nothing, until `config.nimg` images are seen or `should_stop()`.

    `open_batches(nimg)` gives endless (uint8 images NCHW, int64 labels N) from that position on. `report` gets one
    flat record a tick, `snapshot` a PNG, and `picture` one named PNG at the start: what augmentation does to real
    images. The state is checkpointed before this returns; `state.nimg` tells how far it came. Raises DivergedError at
    the first tick with a value that is not finite, with nothing of it saved.
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
        if before == 0:
            picture("augmented", contact_sheet(images, partial(augment, config=config.augment)))
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
    """One step of the family's objective and of the average; the statistics stay on the device."""
    now = moment(config, state.nimg)
    state.set_optimizers(now.learning_rate, (config.beta1, now.beta2))
    adaptive = config.augment.policy == "adaptive"
    strength = state.strength.value if adaptive else now.augment_strength
    batch = Batch(
        real=to_float(images),
        classes=labels if state.spec.num_classes else None,
        augment=partial(augment, config=config.augment, strength=strength),
        gamma=now.gamma,
        reconstruction=config.reconstruction,
    )
    statistics = OBJECTIVES[state.spec.family](state, batch)
    if adaptive and "sign_real" in statistics:
        state.strength.observe(statistics["sign_real"], len(images), config.augment)
        statistics["augment_strength"] = state.strength.value.clone()
    state.update_ema(now.ema_decay(len(images)))
    return {name: value.detach() for name, value in statistics.items()}


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
