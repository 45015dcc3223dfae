"""Settings of a training: `TrainConfig` for the loop, `DataConfig` for loading images. Does not import torch."""

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator, model_validator

from models import Settings
from models.networks.names import check_resolution
from models.networks.presets import preset_fields
from models.training.config import TrainConfig

if TYPE_CHECKING:
    from shards import Blend, Dataset

__all__ = ["DataConfig", "Parent", "Settings", "TrainConfig", "check_resolution", "choose_mode", "preset_fields"]

logger = logging.getLogger(__name__)
Mode = Literal["resident", "streaming"]
MOST_WORKERS = 8
# Tells the trainer which process supervises it. The trainer can then notice a parent that died very early.
SUPERVISOR_PID = "SHARDGAN_SUPERVISOR_PID"


class DataConfig(Settings):
    """How training images reach the trainer."""

    mode: Literal["auto", "resident", "streaming"] = Field(
        "auto",
        title="Mode",
        description="resident: decode the split into memory once; streaming: decode it from the shards in every "
        "epoch; auto: resident if it fits into 60 % of the free memory. The two modes use different orders of images",
    )
    shuffle_buffer: int = Field(
        8192,
        ge=1,
        le=10_000_000,
        title="Shuffle buffer",
        description="streaming: number of samples that are shuffled together. The order of the shards also changes in "
        "each epoch. The buffer takes no memory",
    )
    workers: int = Field(
        0,
        ge=-1,
        le=256,
        title="Workers",
        description=f"streaming: decoder processes per trainer; 0: one per core, at most {MOST_WORKERS}; -1: none, the "
        "trainer decodes the images itself",
    )
    prefetch: int = Field(
        2,
        ge=1,
        le=64,
        title="Prefetch",
        description="streaming: number of batches that each worker prepares in advance",
    )
    cache_mb: int = Field(
        2048,
        ge=64,
        le=10_000_000,
        title="Cache",
        description="streaming from a bucket: MiB of local disk that each worker uses for copies of shards",
    )

    blend: str = Field(
        "",
        max_length=4096,
        title="Blend",
        description="datasets to draw from, with their shares, such as flowers:0.7,leaves:0.3; without numbers, such "
        "as flowers,leaves, by their sizes and data.temperature. The dataset of the training must be one of them: it "
        "decides size and classes, and the scores compare with it alone. Empty: only this dataset",
        examples=["flowers:0.7,leaves:0.3"],
    )
    temperature: float = Field(
        1.0,
        ge=1,
        le=100,
        title="Blend temperature",
        description="for a blend without numbers: shares are proportional to size^(1/temperature). 1: every image is "
        "equally likely; large values: every dataset is equally likely",
    )
    balance: Literal["off", "classes"] = Field(
        "off",
        title="Balance",
        description="classes: every class is shown equally often, so images of small classes come back sooner. Needs "
        "the images in memory (mode resident or auto). In a blend, classes are equal within each dataset",
    )

    @field_validator("blend")
    @classmethod
    def _can_be_read(cls, blend: str) -> str:
        parse_blend(blend)
        return blend

    @model_validator(mode="after")
    def _balances_in_memory(self) -> "DataConfig":
        if self.balance == "classes" and self.mode == "streaming":
            raise ValueError("balance=classes needs all labels in memory: use mode=resident instead of streaming")
        return self

    def datasets(self) -> list[str]:
        """Return the datasets of the blend. Empty without a blend."""
        return [name for name, _ in parse_blend(self.blend)]

    def identity(self) -> str:
        """Return the settings that change a training's result, as text.

        The defaults give an empty text, so they do not change the names of runs.
        """
        decisive = {"mode", "balance"} if self.mode == "resident" else {"mode", "balance", "shuffle_buffer"}
        chosen = self.model_dump_json(include=decisive, exclude_defaults=True)
        return "" if chosen == "{}" else chosen


def choose_mode(config: DataConfig, dataset: "Dataset | Blend", agree: Callable[[bool], bool] = bool) -> Mode:
    """Return the mode for `config` on this machine, and log it with the reason. Each rank here would hold a copy."""
    if config.mode != "auto":
        return config.mode
    copies = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    streams = agree(not dataset.fits_memory("train", copies))
    need = f"{dataset.decoded_bytes('train') / 2**30:.2f} GiB decoded, {copies} times"
    logger.info("data.mode auto: %s (%s)", "streaming, too large" if streams else "resident, it fits", need)
    return "streaming" if streams else "resident"


class Parent(Settings):
    """One of several dataset versions that a training draws from, and its share of the images shown."""

    dataset: str
    version: str
    manifest: str
    share: float

    def describe(self) -> str:
        """Return the version and its share in words."""
        return f"{self.dataset}@{self.version}: {self.share:.4g} of the images"


def parse_blend(text: str) -> list[tuple[str, float | None]]:
    """Read `a:0.7,b:0.3` or `a,b` as pairs of dataset and weight. Raises ValueError for anything else."""
    pairs: list[tuple[str, float | None]] = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        name, _, weight = one.rpartition(":")
        pairs.append((name, float(weight)) if name and _is_number(weight) else (one, None))
    names, weights = [name for name, _ in pairs], [weight for _, weight in pairs]
    if len(pairs) == 1 or len(set(names)) < len(names):
        raise ValueError(f"{text!r} must name at least two datasets, each of them once")
    if None in weights and any(weight is not None for weight in weights):
        raise ValueError(f"{text!r} gives some datasets a share and others none: give all of them one, or none")
    if any(weight is not None and not 0 < weight < float("inf") for weight in weights):
        raise ValueError(f"{text!r} has a share that is not above 0")
    return pairs


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
