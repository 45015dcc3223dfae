"""Settings of a training: `TrainConfig` for the loop, `DataConfig` for loading images. Does not import torch."""

from typing import Literal

from pydantic import Field

from models import Settings
from models.networks.names import check_resolution
from models.networks.presets import preset_fields
from models.training.config import TrainConfig

__all__ = ["DataConfig", "Settings", "TrainConfig", "check_resolution", "preset_fields"]


MOST_WORKERS = 8


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

    def identity(self) -> str:
        """Return the settings that change a training's result, as text.

        The defaults give an empty text, so they do not change the names of runs.
        """
        decisive = {"mode"} if self.mode == "resident" else {"mode", "shuffle_buffer"}
        chosen = self.model_dump_json(include=decisive, exclude_defaults=True)
        return "" if chosen == "{}" else chosen
