"""A split in memory: decoded once and kept as uint8. The order of its batches depends only on seed and `nimg`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import prod

import numpy as np
import psutil
from numpy.typing import NDArray

from shards.errors import ShardError, SplitError
from shards.layout.manifest import Manifest
from shards.reading.mixture import BalancedOrder
from shards.reading.order import Indices, ShuffledOrder, rank_positions
from shards.reading.streaming import put, stream_split

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]
_MEMORY_SHARE = 0.6


@dataclass(frozen=True)
class Split:
    """All samples of a split: uint8 images in NCHW, labels (0 when unlabelled), keys, and their manifest."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    keys: list[str]
    manifest: Manifest
    balanced: bool = field(default=False, kw_only=True)  # every class equally often in `batches`

    def __len__(self) -> int:
        return len(self.keys)

    def batches(
        self, batch_size: int, *, seed: int, start_nimg: int = 0, rank: int = 0, world_size: int = 1
    ) -> Iterator[Batch]:
        """Yield endlessly this rank's slice of each global batch of `batch_size` images, from `start_nimg` on.

        Every epoch is a permutation of the split, computed from (seed, epoch). The batch at a given nimg is the same
        for resumed trainings and for any number of ranks. Raises ValueError for a batch that the ranks cannot share.
        """
        for chosen in self.orders(batch_size, seed=seed, start_nimg=start_nimg, rank=rank, world_size=world_size):
            yield self.images[chosen], self.labels[chosen]

    def orders(
        self, batch_size: int, *, seed: int, start_nimg: int = 0, rank: int = 0, world_size: int = 1
    ) -> Iterator[NDArray[np.int64]]:
        """Yield endlessly the sample numbers of the batches that `batches` yields."""
        positions = rank_positions(batch_size, start_nimg=start_nimg, rank=rank, world_size=world_size)
        return (self.samples(here, seed) for here in positions)

    def samples(self, positions: Indices, seed: int) -> Indices:
        """Return the sample number at each position of a training."""
        order = BalancedOrder.of(self.labels, seed) if self.balanced else ShuffledOrder(len(self), seed)
        return order.samples(positions)


def decode_split(manifest_uri: str, manifest: Manifest, split: str, most: int | None = None) -> Split:
    """Decode a split into memory, or its first `most` samples. Each shard is checked against the manifest first.

    Raises SplitError when the split is unknown, empty, mixed in size or needs more than 60 % of the free memory, and
    ShardError when a shard is cut off, altered or lacks samples.
    """
    total = manifest.num_samples(split)
    count = total if most is None else min(most, total)
    check_memory(decoded_bytes(manifest, split) * count // max(total, 1), f"{manifest.name}, split {split}")
    images, labels, keys = np.empty((count, *manifest.shape), np.uint8), np.empty(count, np.int64), []
    for index, sample in enumerate(islice(stream_split(manifest_uri, manifest, split), most)):
        put(sample.key, sample.pixels(), images[index])
        labels[index] = sample.label
        keys.append(sample.key)
    if len(keys) != count:
        raise ShardError(f"The shards of {manifest.name} have {len(keys)} samples, but its manifest says {total}.")
    return Split(images, labels, keys, manifest)


def fits_memory(manifest: Manifest, split: str, copies: int = 1) -> bool:
    """Return whether `copies` of a decoded split need at most 60 % of the free memory."""
    return fits(copies * decoded_bytes(manifest, split))


def fits(num_bytes: int) -> bool:
    """Return whether this needs at most 60 % of the free memory."""
    return num_bytes <= _MEMORY_SHARE * psutil.virtual_memory().available


def decoded_bytes(manifest: Manifest, split: str) -> int:
    """Return the bytes of a decoded split. Raises SplitError for an unknown or empty split."""
    manifest.shards(split)
    return manifest.num_samples(split) * prod(manifest.shape)


def check_memory(num_bytes: int, what: str) -> None:
    """Raise SplitError when this needs more than 60 % of the free memory."""
    free = psutil.virtual_memory().available
    if num_bytes > _MEMORY_SHARE * free:
        raise SplitError(
            f"{what}: decoded, it needs {num_bytes / 2**30:.1f} GiB, but only {free / 2**30:.1f} GiB of memory are "
            f"free. Stream it, or build the dataset at a lower resolution."
        )
