"""The fixed task of the speedrun, and the settings of the present record.

Whoever makes a record changes SETTINGS, or the product. The task itself stays: dataset, judge, number of scored images,
target and spacing of the scores.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmarks.collections.carried import opened
from models.metrics.config import EvalConfig
from models.training.config import TrainConfig
from shards import Dataset, ShardConfig

# Five times what 1,000 real training images score (110, benchmarks/results/floors.md). An untrained generator scores
# 913, and the promotion rule refuses 722 and above. dcgan needs some minutes of CPU time for it.
TARGET = 550.0
SCORE = "FD-MobileNetV2"
PROTOCOL = EvalConfig(feature_net="mobilenetv2", second_net="none", num_images=1000, input_size=112)

SETTINGS: dict[str, Any] = {
    "family": "dcgan",
    "width": 32,
    "latent_dim": 64,
    "batch_size": 32,
    "learning_rate": 4e-4,
    "ema_half_life_nimg": 4000,
    "augment": {"translation": 0.125, "scale": 0.1},
    "compute": {"precision": "bf16"},  # slower on a processor without avx512_bf16 or AMX
}


class Task(NamedTuple):
    """What is trained until which score: `every` images the training is stopped and scored outside the clock."""

    name: str
    open_dataset: Callable[[], Dataset]
    protocol: EvalConfig
    target: float
    every: int
    most: int

    def config(self, settings: dict[str, Any], threads: int) -> TrainConfig:
        """The settings of the training; checkpoints are written only where the clock stands still."""
        fixed = {
            "nimg": self.most,
            "tick_nimg": self.every,
            "snapshot_ticks": 10**6,
            "checkpoint_ticks": 10**6,
            "keep_checkpoints": 2,
            "health": {"score_ticks": 0},
            "compute": {**settings.get("compute", {}), "threads": threads},
        }
        return TrainConfig.model_validate({**settings, **fixed})


EMOJI = Task("emoji", lambda: opened("emoji", None), PROTOCOL, TARGET, every=4000, most=400_000)


def smoke(folder: Path) -> Task:
    """A task of some seconds on noise, whose target every generator reaches at the first score."""

    def open_noise() -> Dataset:
        from shards import build  # the task itself needs fewer packages with prebuilt collections

        source = folder / "source"
        source.mkdir(parents=True, exist_ok=True)
        for number in range(40):
            pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(source / f"{number}.png")
        config = ShardConfig(source=str(source), dataset="noise", resolution=16, encoding="png", val_fraction=0.3)
        return Dataset.open(build(config, folder / "home").manifest)

    protocol = PROTOCOL.model_copy(update={"num_images": 16, "input_size": 32})
    return Task("noise", open_noise, protocol, target=1e9, every=16, most=64)


SMOKE_SETTINGS: dict[str, Any] = {"family": "dcgan", "width": 4, "latent_dim": 4, "batch_size": 8}
