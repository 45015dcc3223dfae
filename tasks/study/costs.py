"""An estimate of what a study will cost, before anything is started. Nothing is written."""

import time
from collections.abc import Callable
from math import prod
from typing import NamedTuple

import numpy as np
import torch

from models.compute.device import prepare, select_device
from models.compute.parallel import World
from models.features.nets import TRAINED_ON, load_feature_net
from models.metrics.config import EvalConfig
from models.networks.families import NetworkSpec
from models.training.config import TrainConfig
from models.training.estimates import estimate
from models.training.loop import make_state
from models.training.steps import take_step
from shards import ShardConfig, list_entries
from tasks.study.config import StudyConfig
from tasks.training.sizes import format_bytes

STEPS = 3
PROBE_IMAGES = 16
SECONDS_A_TRAINING = 20.0  # to start it, and to export and register its generator
SECONDS_A_FILE = 1.5e-3  # to decode a small image, shape and encode it
CODECS_OF_EQUAL_PIXELS = "codecs that give the same pixels share a training"


class Speed(NamedTuple):
    """Images per second on this machine, in training and in the feature net."""

    training: float
    features: float


def describe_costs(shard: ShardConfig, study: StudyConfig, train: TrainConfig, config: EvalConfig) -> list[str]:
    """Say in sentences how many versions, trainings and images, and how much time and disk; measures a few steps."""
    num_files = sum(1 for _ in list_entries(shard))
    num_codecs, num_trainings = len(study.codecs), len(study.codecs) * study.num_seeds
    num_val = round(num_files * shard.val_fraction)
    spec = network_of(shard, train)
    sizes = estimate(train, spec)
    speed = measure_speed(train, spec, config)
    per_codec = num_val + min(config.num_images, num_files - num_val)
    num_scored = num_codecs * per_codec + 2 * num_trainings * config.num_images + 20 * num_val * study.preprocessing
    seconds = {
        "shard": num_codecs * num_files * SECONDS_A_FILE,
        "train": num_trainings * (train.nimg / speed.training + SECONDS_A_TRAINING),
        "score": num_scored / speed.features,
    }
    kept = min(train.keep_checkpoints, sizes.num_checkpoints) + 1
    disk = {
        "shards": num_codecs * num_files * prod(spec.shape),
        "checkpoints": num_trainings * kept * sizes.checkpoint_bytes,
    }
    where = "the GPU" if select_device(train.compute.device).type == "cuda" else "one thread"
    return [
        f"shard {num_files:,} files as {num_codecs} dataset versions: {', '.join(study.codecs)}; "
        f"{describe_time(seconds['shard'])}",
        f"train {train.family} {num_trainings} times at most ({CODECS_OF_EQUAL_PIXELS}), {train.nimg:,} images each, "
        f"{num_trainings * train.nimg:,} in all; {describe_time(seconds['train'])} one after the other at the "
        f"{speed.training:,.0f} images/s measured here on {where}",
        f"put {num_scored:,} images at most through {config.feature_net}; {describe_time(seconds['score'])} at the "
        f"{speed.features:,.0f} images/s measured here",
        f"in all {describe_time(sum(seconds.values()))}, and at most {format_bytes(disk['shards'])} of disk for shards "
        f"and {format_bytes(disk['checkpoints'])} for checkpoints",
    ]


def measure_speed(train: TrainConfig, spec: NetworkSpec, config: EvalConfig) -> Speed:
    """Time a few steps of training and one batch of EfficientNet-Lite0. The first of each is not counted.

    On a CPU, one thread is used and its CPU time is measured, so that other programs change the result little.
    """
    device = select_device(train.compute.device)
    threads = torch.get_num_threads()
    prepare(train.compute.model_copy(update={"threads": 1}), device)
    try:
        return Speed(_training_speed(train, spec, device), _feature_speed(spec, config, device))
    finally:
        torch.set_num_threads(threads)


def _training_speed(train: TrainConfig, spec: NetworkSpec, device: torch.device) -> float:
    state, world = make_state(train, spec, device, World()), World()
    images = _noise(train.batch_size, spec).to(device)
    labels = torch.zeros(train.batch_size, dtype=torch.long, device=device)

    def step() -> None:
        for value in take_step(state, train, images, labels, world).values():
            float(value)  # waits for the device

    return STEPS * train.batch_size / _seconds(step, STEPS, device)


def _feature_speed(spec: NetworkSpec, config: EvalConfig, device: torch.device) -> float:
    net = load_feature_net("efficientnet-lite0", config.input_size or TRAINED_ON, device)
    images = _noise(PROBE_IMAGES, spec)
    return PROBE_IMAGES / _seconds(lambda: net(images), 1, device)


def _seconds(work: Callable[[], object], repeats: int, device: torch.device) -> float:
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    work()
    began = clock()
    for _ in range(repeats):
        work()
    return clock() - began


def _noise(count: int, spec: NetworkSpec) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, *spec.shape), dtype=np.uint8))


def network_of(shard: ShardConfig, train: TrainConfig) -> NetworkSpec:
    """The networks without their classes: these are known only after the listing, and they change the cost little."""
    return NetworkSpec(
        family=train.family,
        resolution=shard.resolution,
        image_width=shard.image_width,
        channels=shard.channels,
        num_classes=0,
        latent_dim=train.latent_dim,
        width=train.width,
    )


def describe_time(seconds: float) -> str:
    """Say about how long that is."""
    if seconds < 90:
        return f"about {max(round(seconds), 1)} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
