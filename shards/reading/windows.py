"""Training batches read from the shards: shuffled window by window, and any position is reached without replay."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shards.layout.manifest import Manifest
from shards.reading.exchange import ShardExchange
from shards.reading.mixture import Mixture
from shards.reading.open_shards import OpenShards
from shards.reading.order import Indices, WindowOrder
from shards.reading.pipeline import (
    CollateBatches,
    DecodeImages,
    LocateSamples,
    ReadSamples,
    RowsInOrder,
    SampleOrder,
    Turn,
    run_stages,
)
from shards.reading.slots import ArraySlots
from shards.reading.stages import StageClock

if TYPE_CHECKING:
    from webdataset import DataPipeline

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class WindowedSplit:
    """A split that is read from its shards in the order of `WindowOrder`.

    `shuffle_buffer` is the number of samples in a window. `cache_bytes` is the disk space that each reading process may
    use for copies of remote shards. No shard is opened before the first batch is requested.
    """

    manifest_uri: str
    manifest: Manifest
    split: str
    shuffle_buffer: int
    cache_bytes: int

    def __len__(self) -> int:
        return self.manifest.num_samples(self.split)

    @property
    def num_shards(self) -> int:
        """The number of shards of the split."""
        return len(self.manifest.shards(self.split))

    def stream(self, seed: int) -> "Stream":
        """Return the samples in the order of a training with this seed."""
        return Stream((self,), (self.order(seed),))

    def batches(self, batch_size: int, **options: Any) -> Iterator[Batch]:
        """Yield endlessly the batches of `Stream.batches`. `options` are its own, and `seed`."""
        return self.stream(options.pop("seed")).batches(batch_size, **options)

    def order(self, seed: int) -> WindowOrder:
        """Return the order of the samples in a training with this seed."""
        counts = tuple(record.nsamples for record in self.manifest.shards(self.split))
        return WindowOrder(counts, seed, self.shuffle_buffer)

    def open_shards(self, clock: StageClock | None = None, exchange: ShardExchange | None = None) -> OpenShards:
        """Return the shards, none of them open yet."""
        records = self.manifest.shards(self.split)
        return OpenShards(self.manifest_uri, self.manifest, records, self.cache_bytes, clock, exchange)


@dataclass(frozen=True)
class Stream:
    """The samples of one or several splits in the order of a training.

    Each part has its own order. With several parts, `mixture` says which one each position takes its sample from, and
    `labels` has for each part the class numbers that are given instead of its own.
    """

    parts: tuple[WindowedSplit, ...]
    orders: tuple[WindowOrder, ...]
    mixture: Mixture | None = None
    labels: tuple[Indices, ...] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image: channels, rows, columns."""
        return self.parts[0].manifest.shape

    def batches(
        self,
        batch_size: int,
        *,
        start_nimg: int = 0,
        rank: int = 0,
        world_size: int = 1,
        first: int = 0,
        step: int = 1,
        clock: StageClock | None = None,
    ) -> Iterator[Batch]:
        """Yield endlessly this rank's slice of each `step`-th global batch, from number `first` after `start_nimg`.

        The batch at a given nimg is the same for resumed trainings, for any number of ranks and for any number of
        readers that take turns. `clock` measures the stages. Raises ValueError for a batch that the ranks cannot
        share, ShardError for a damaged shard, and SplitError when the images differ in size.
        """
        order = SampleOrder(batch_size, start_nimg, lambda: Turn(rank, world_size, first, step))
        stages = self.batch_stages(order, clock or StageClock())
        return ((images, labels) for images, labels, _ in run_stages(*stages))

    def batch_stages(
        self, order: SampleOrder, clock: StageClock, slots: ArraySlots | None = None, *, is_shared: bool = False
    ) -> list[Any]:
        """Return the stages that give batches. `is_shared`: several forked processes run them."""
        return [
            order,
            *self._sample_stages(clock, is_shared),
            DecodeImages(clock),
            CollateBatches(self.shape, clock, slots),
        ]

    def row_stages(self, order: SampleOrder, *, decode: bool) -> list[Any]:
        """Return the stages that give a dictionary for each sample."""
        return [order, *self._sample_stages(StageClock(), True), RowsInOrder(decode)]

    def _sample_stages(self, clock: StageClock, is_shared: bool) -> list[Any]:
        exchanges = tuple(ShardExchange(part.num_shards) for part in self.parts) if is_shared else None
        return [
            LocateSamples(self.orders, self.mixture, clock),
            ReadSamples(self.parts, self.labels, clock, exchanges),
        ]


def row_pipeline(
    split: WindowedSplit, *, seed: int, start: int, group: int, repeat: bool, decode: bool
) -> "DataPipeline":
    """Return the pipeline that `Dataset.pipeline` describes. Raises ValueError for a start or group below 0 or 1."""
    if start < 0 or group < 1:
        raise ValueError(f"start is {start} and group {group}. Give a start of at least 0 and a group of at least 1.")
    import webdataset  # it imports torch
    from webdataset.utils import pytorch_worker_info

    end = None if repeat else (start // len(split) + 1) * len(split)
    order = SampleOrder(group, start, pytorch_worker_info, end, per_process=True)
    return webdataset.DataPipeline(*split.stream(seed).row_stages(order, decode=decode))
