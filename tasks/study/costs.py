"""What a study will cost, worked out before anything is started: nothing is written."""

import time
from typing import NamedTuple

import numpy as np
import torch

from models.compute import prepare, select_device
from models.config import TrainConfig
from models.estimates import estimate
from models.evaluation import EvalConfig
from models.families import NetworkSpec
from models.feature_nets import TRAINED_ON, load_feature_net
from models.parallel import World
from models.steps import take_step
from models.training import make_state
from shards import ShardConfig, list_entries
from tasks.sizes import format_bytes
from tasks.study.config import StudyConfig

STEPS = 3
PROBE_IMAGES = 16
SECONDS_A_TRAINING = 20.0  # to start it, and to export and register its generator
SECONDS_A_FILE = 1.5e-3  # to decode a small image, shape and encode it
CODECS_OF_EQUAL_PIXELS = "codecs that give the same pixels share a training"


class Speed(NamedTuple):
    """Images a second on this machine: trained on, and through the feature net."""

    training: float
    features: float


def describe_costs(shard: ShardConfig, study: StudyConfig, train: TrainConfig, config: EvalConfig) -> list[str]:
    """Dataset versions, trainings, images, time and disk, in sentences; measures speeds with a few steps."""
    num_files = sum(1 for _ in list_entries(shard))
    num_codecs, num_trainings = len(study.codecs), len(study.codecs) * study.num_seeds
    num_val = round(num_files * shard.val_fraction)
    spec = _network(shard, train)
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
        "shards": num_codecs * num_files * shard.channels * shard.resolution**2,
        "checkpoints": num_trainings * kept * sizes.checkpoint_bytes,
    }
    where = "the GPU" if select_device(train.compute.device).type == "cuda" else "one thread"
    return [
        f"shard {num_files:,} files as {num_codecs} dataset versions: {', '.join(study.codecs)}; "
        f"{_time(seconds['shard'])}",
        f"train {train.family} {num_trainings} times at most ({CODECS_OF_EQUAL_PIXELS}), {train.nimg:,} images each, "
        f"{num_trainings * train.nimg:,} in all; {_time(seconds['train'])} one after the other at the "
        f"{speed.training:,.0f} images/s measured here on {where}",
        f"put {num_scored:,} images at most through {config.feature_net}; {_time(seconds['score'])} at the "
        f"{speed.features:,.0f} images/s measured here",
        f"in all {_time(sum(seconds.values()))}, and at most {format_bytes(disk['shards'])} of disk for shards and "
        f"{format_bytes(disk['checkpoints'])} for checkpoints",
    ]


def measure_speed(train: TrainConfig, spec: NetworkSpec, config: EvalConfig) -> Speed:
    """Time a few steps of training and one batch of the feature net, on the GPU or one thread; the firsts do not count.

    One thread, and the time that it works, so that what else the machine does at the moment changes little.
    """
    device = select_device(train.compute.device)
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    prepare(train.compute.model_copy(update={"threads": 1}), device)
    state, world = make_state(train, spec, device, World()), World()
    rng = np.random.default_rng(0)
    shape = (spec.channels, spec.resolution, spec.resolution)
    images = torch.from_numpy(rng.integers(0, 256, (train.batch_size, *shape), dtype=np.uint8)).to(device)
    labels = torch.zeros(train.batch_size, dtype=torch.long, device=device)
    take_step(state, train, images, labels, world)
    began = clock()
    for _ in range(STEPS):
        float(next(iter(take_step(state, train, images, labels, world).values())))
    training = STEPS * train.batch_size / (clock() - began)
    name = config.feature_net if config.feature_net == "efficientnet-lite0" else "efficientnet-lite0"
    net = load_feature_net(name, config.input_size or TRAINED_ON, device)
    probe = torch.from_numpy(rng.integers(0, 256, (PROBE_IMAGES, *shape), dtype=np.uint8))
    net(probe)
    began = clock()
    net(probe)
    return Speed(training, PROBE_IMAGES / (clock() - began))


def _network(shard: ShardConfig, train: TrainConfig) -> NetworkSpec:
    """The networks, but for the classes, which only the listing tells and which change little."""
    return NetworkSpec(
        family=train.family,
        resolution=shard.resolution,
        channels=shard.channels,
        num_classes=0,
        latent_dim=train.latent_dim,
        width=train.width,
    )


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(round(seconds), 1)} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
