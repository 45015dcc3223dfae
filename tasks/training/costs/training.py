"""An estimate of what a training costs: a few steps, a grid, a checkpoint and a quick score's images are timed.

Imports neither Prefect nor MLflow.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from models.compute.device import memory_bytes, prepare, select_device, world_size
from models.compute.parallel import World
from models.features.nets import load_feature_net
from models.networks.families import NetworkSpec
from models.training.checkpoints import TENSORS, CheckpointStore
from models.training.config import TrainConfig
from models.training.health_config import SCORE_NET
from models.training.loop import make_state, sample_images
from models.training.state import TrainState
from models.training.steps.recorded import make_step
from shards import Dataset
from tasks.home import home
from tasks.registry.packaging.export import has_onnx
from tasks.trainer.costs.trials import Budget, Deadline, MemoryWatch, StageCost
from tasks.trainer.pictures import SomeImages, some_images
from tasks.trainer.traces import training_codecs
from tasks.training.family import resolve_family
from tasks.training.sizes import network_of

STAGE = "train"
MOST_STEPS, LEAST_STEPS = 200, 3
STEP_SECONDS = 2.5
WARM_UP = 5  # steps that do not count, if there are enough others
SCORED = 16  # images that are timed in the net of quick scores
# Times that importing torch takes here (benchmarks/results/estimates.md): to start a training and to export, check and
# register its generator, and to start the process of one quick score and compute its distance.
START_AND_END = 9.0
QUICK_SCORE = 2.0


class Speeds(NamedTuple):
    """Measured seconds of a step, a grid, a checkpoint and an image of a quick score, and sizes in bytes."""

    step: float
    num_timed: int
    grid: float
    grid_bytes: int
    checkpoint: float
    checkpoint_bytes: int
    score_image: float
    generator_bytes: int


class Schedule(NamedTuple):
    """How often a training does what takes time beside its steps."""

    steps: int
    grids: int
    checkpoints: int
    scores: int

    @classmethod
    def of(cls, config: TrainConfig, num_val: int) -> "Schedule":
        """Follow the rules of models/training/guard.py; scores need at least two images in the split val."""
        ticks = -(-config.nimg // config.tick_nimg)
        every = config.health.score_ticks if num_val > 1 else 0
        scores = ticks // every if every else 0
        last = 1 if scores and ticks % every else 0  # the final state is scored too, if there is a score to compare
        return cls(
            steps=-(-config.nimg // config.batch_size),
            grids=1 + -(-ticks // config.snapshot_ticks),
            checkpoints=max(1, ticks // config.checkpoint_ticks),
            scores=scores + last,
        )


class TrainingEstimate(NamedTuple):
    """The cost of a training, and what the trial of the evaluation needs."""

    cost: StageCost
    spec: NetworkSpec
    generator: nn.Module
    images: SomeImages


def estimate_training(
    config: TrainConfig,
    dataset: Dataset,
    counts: Mapping[str, int],
    import_seconds: float,
    folder: Path,
    budget: Budget,
) -> TrainingEstimate:
    """Train a few steps on images of `dataset`, and conclude from them what the whole training costs.

    `counts` has the numbers of images by split of the version that the training will use. `import_seconds` is what
    importing torch takes here. Raises ConfigError for a device that does not exist, and torch's errors where a step
    does not fit the memory.
    """
    start = None
    if config.init and config.family == "auto":
        from tasks.training.transfer import find_start  # imports MLflow

        start = find_start(config.init)
    config = resolve_family(config, dataset.manifest, num_images=counts.get("train", 0), start=start).train
    device = select_device(config.compute.device)
    prepare(config.compute, device)
    spec = network_of(dataset.manifest, config)
    # The shield's filter needs trusted images, and learns beside the networks: it is not timed.
    timed = config.model_copy(update={"shield": config.shield.model_copy(update={"policy": "off"})})
    schedule = Schedule.of(config, counts.get("val", 0))
    with MemoryWatch() as memory:
        state = make_state(timed, spec, device, World(), training_codecs(config, dataset))
        pool = some_images(dataset)
        steps = _time_steps(state, timed, pool, device, budget.within(STEP_SECONDS))
        speeds = _time_rest(state, timed, pool, device, folder, steps, bool(schedule.scores))
    used = int(memory_bytes(device)) if device.type == "cuda" else memory.peak_bytes
    data = counts.get("train", 0) * pool.images[0].nbytes - pool.images.nbytes
    cost = StageCost(
        stage=STAGE,
        seconds=_seconds(config, schedule, speeds, pool, counts, import_seconds),
        disk_bytes=_disk_bytes(config, schedule, speeds),
        memory_bytes=used + max(data, 0),
        basis=_describe(config, schedule, speeds, device),
    )
    return TrainingEstimate(cost, spec, state.ema, pool)


def open_dataset(reference: str) -> tuple[Dataset, Mapping[str, int]]:
    """Open a dataset of this home, and say how many images its splits have."""
    dataset = Dataset.open(reference, home().shared)
    return dataset, {str(split): count for split, count in dataset.manifest.num_samples_by_split.items()}


def _time_steps(
    state: TrainState, config: TrainConfig, pool: SomeImages, device: torch.device, deadline: Deadline
) -> list[float]:
    """Return the seconds of each step, without the first ones, which set up memory and kernels."""
    step = make_step(state, config, World())
    share = max(2, config.batch_size // world_size(config.compute))
    numbers, seconds = np.random.default_rng(0), list[float]()
    while len(seconds) < LEAST_STEPS or (len(seconds) < MOST_STEPS and deadline.left):
        chosen = numbers.integers(0, len(pool.images), share)
        began = time.perf_counter()
        images, labels = (torch.from_numpy(array[chosen]).to(device) for array in (pool.images, pool.labels))
        for value in step(images, labels).values():
            float(value)  # waits for the device
        seconds.append(time.perf_counter() - began)
        state.nimg += config.batch_size
    timed = seconds[min(max(len(seconds) // 3, 1), WARM_UP) :]
    # Where only some steps have gradient penalties, a mean is right over whole cycles of them.
    return timed[len(timed) % config.penalty.every if len(timed) > config.penalty.every else 0 :]


def _time_rest(
    state: TrainState,
    config: TrainConfig,
    pool: SomeImages,
    device: torch.device,
    folder: Path,
    steps: list[float],
    is_scored: bool,
) -> Speeds:
    began = time.perf_counter()
    grid_bytes = len(sample_images(state, config.seed).png())
    drawn = time.perf_counter()
    store = CheckpointStore(folder / "checkpoints")
    path = store.save(state.nimg, state.tensors(), state.values())
    saved = time.perf_counter()
    return Speeds(
        step=float(np.mean(steps)),
        num_timed=len(steps),
        grid=drawn - began,
        grid_bytes=grid_bytes,
        checkpoint=saved - drawn,
        checkpoint_bytes=(path / TENSORS).stat().st_size,
        score_image=_time_score(config, pool, device) if is_scored else 0.0,
        generator_bytes=sum(value.nbytes for value in state.ema.state_dict().values()),
    )


def _time_score(config: TrainConfig, pool: SomeImages, device: torch.device) -> float:
    """Return the seconds of one image in the net of quick scores, which use one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        net = load_feature_net(SCORE_NET, config.health.score_input_size, device)
        some = torch.from_numpy(pool.images[:SCORED])
        net(some[:1])
        began = time.perf_counter()
        net(some)
        return (time.perf_counter() - began) / len(some)
    finally:
        torch.set_num_threads(threads)


def _seconds(
    config: TrainConfig,
    schedule: Schedule,
    speeds: Speeds,
    pool: SomeImages,
    counts: Mapping[str, int],
    import_seconds: float,
) -> float:
    # A score runs beside the training, at low priority. Only the last one is waited for; the others take their share
    # of the processor.
    one_score = QUICK_SCORE * import_seconds + config.health.score_images * speeds.score_image
    references = counts.get("val", 0) * speeds.score_image  # of the first score; the others find them in a file
    cores = max(torch.get_num_threads(), 1)
    scores = (one_score * (schedule.scores - 1) + references) / cores + one_score if schedule.scores else 0.0
    return (
        START_AND_END * import_seconds
        + counts.get("train", 0) * pool.decode_seconds
        + schedule.steps * speeds.step
        + schedule.grids * speeds.grid
        + speeds.checkpoint  # the others are written beside the training
        + scores
    )


def _disk_bytes(config: TrainConfig, schedule: Schedule, speeds: Speeds) -> int:
    kept = min(config.keep_checkpoints, schedule.checkpoints) + (1 if schedule.scores else 0)
    grids = 2 * schedule.grids * speeds.grid_bytes  # in the run directory and in MLflow
    copies = 3 if has_onnx() else 2  # the weights in the registry, and the graphs of torch.export and ONNX
    return kept * speeds.checkpoint_bytes + grids + copies * speeds.generator_bytes


def _describe(config: TrainConfig, schedule: Schedule, speeds: Speeds, device: torch.device) -> str:
    where = "the GPU" if device.type == "cuda" else f"{torch.get_num_threads()} CPU thread(s)"
    said = (
        f"{config.nimg:,} images at {config.batch_size / speeds.step:,.0f} per second on {where}, measured on "
        f"{speeds.num_timed} steps"
    )
    if schedule.scores:
        said += f"; {schedule.scores} quick scores beside it"
    if config.shield.policy != "off":
        said += "; without the time of the shield's filter"
    if config.init:
        said += "; the initial weights were not loaded"
    return said
