"""Settings of a training: the loop's own (`TrainConfig`), and how images reach it (`DataConfig`). Imports no torch."""

from typing import Literal

from pydantic import Field

from models import Settings
from models.networks.names import check_resolution
from models.training.config import TrainConfig

__all__ = ["DataConfig", "Settings", "TrainConfig", "check_resolution"]


MOST_WORKERS = 8


class DataConfig(Settings):
    """How training images reach the trainer."""

    mode: Literal["auto", "resident", "streaming"] = Field(
        "auto",
        title="Mode",
        description="resident: decode the split into memory once; streaming: decode it from the shards again and "
        "again; auto: resident if it fits into 60 % of the free memory. The two see the images in different orders",
    )
    shuffle_buffer: int = Field(
        8192,
        ge=1,
        le=10_000_000,
        title="Shuffle buffer",
        description="streaming: samples that are shuffled among each other; the shards are put in a new order each "
        "epoch besides. No memory is taken for it",
    )
    workers: int = Field(
        0,
        ge=-1,
        le=256,
        title="Workers",
        description=f"streaming: processes that decode ahead, for each trainer; 0: one for each core, {MOST_WORKERS} "
        "at most; -1: none, the trainer decodes by itself",
    )
    prefetch: int = Field(
        2, ge=1, le=64, title="Prefetch", description="streaming: batches that each worker keeps ready"
    )
    cache_mb: int = Field(
        2048,
        ge=64,
        le=10_000_000,
        title="Cache",
        description="streaming from a bucket: MiB of local disk that each worker keeps copies of shards in",
    )

    def identity(self) -> str:
        """What changes a training's result, as text; empty for the defaults, so that they need no new run name."""
        decisive = {"mode"} if self.mode == "resident" else {"mode", "shuffle_buffer"}
        chosen = self.model_dump_json(include=decisive, exclude_defaults=True)
        return "" if chosen == "{}" else chosen
