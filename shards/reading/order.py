"""The order of samples in a training: pure functions of (seed, position), so a resumed training replays nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
_SHARDS, _WINDOW = 1, 2


def rank_positions(
    batch_size: int, *, start_nimg: int = 0, rank: int = 0, world_size: int = 1, first: int = 0, step: int = 1
) -> Iterator[Indices]:
    """Yield endlessly the positions of this rank's slice of the batches number first, first + step, ... .

    Batches are counted from `start_nimg`. Raises ValueError for a batch that the ranks cannot share evenly.
    """
    if batch_size < 1 or batch_size % world_size or not 0 <= rank < world_size or start_nimg < 0:
        raise ValueError(
            f"batch_size is {batch_size}, rank {rank} of {world_size}, start_nimg {start_nimg}. The batch size must be "
            f"a multiple of the number of ranks, and ranks and images are counted from 0."
        )
    share = batch_size // world_size
    nimg = start_nimg + first * batch_size + rank * share
    while True:
        yield np.arange(nimg, nimg + share)
        nimg += step * batch_size


@dataclass(frozen=True)
class ShuffledOrder:
    """Each epoch is a permutation of the whole split."""

    count: int
    seed: int

    def samples(self, positions: Indices) -> Indices:
        """Return the sample number at each position."""
        epochs, places = np.divmod(positions, self.count)
        numbers = np.empty_like(positions)
        for epoch in np.unique(epochs).tolist():
            here = epochs == epoch
            numbers[here] = permutation(self.count, self.seed, epoch)[places[here]]
        return numbers


@dataclass(frozen=True)
class WindowOrder:
    """Each epoch puts the shards into a new order, divides their samples into windows, and shuffles each window.

    Neighbouring positions lie in few shards, so a split can be read that does not fit into memory. `counts` has the
    number of samples of each shard, and `window` is the number of samples in a window. The last window of an epoch may
    be smaller. With a window as large as the split, each epoch is a permutation of the whole split.
    """

    counts: tuple[int, ...]
    seed: int
    window: int

    def rows(self, positions: Indices) -> tuple[Indices, Indices]:
        """Return the shard number, and the row in that shard, at each position."""
        epochs, places = np.divmod(positions, sum(self.counts))
        shards, rows = np.empty_like(positions), np.empty_like(positions)
        for epoch in np.unique(epochs).tolist():
            here = epochs == epoch
            shards[here], rows[here] = self._rows_of_epoch(epoch, places[here])
        return shards, rows

    def windows_at(self, position: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the window of this position and the next one, each as (epoch, number in the epoch)."""
        total = sum(self.counts)
        epoch, place = divmod(position, total)
        window = place // self.window
        is_last = (window + 1) * self.window >= total
        return (epoch, window), ((epoch + 1, 0) if is_last else (epoch, window + 1))

    def shards_of(self, window: tuple[int, int]) -> list[int]:
        """Return the numbers of the shards that have samples in a window."""
        epoch, number = window
        order, ends = _shard_order(self.counts, self.seed, epoch)
        start = number * self.window
        first, last = np.searchsorted(ends, [start, min(start + self.window, int(ends[-1])) - 1], side="right")
        numbers: list[int] = order[first : last + 1].tolist()
        return numbers

    def _rows_of_epoch(self, epoch: int, places: Indices) -> tuple[Indices, Indices]:
        order, ends = _shard_order(self.counts, self.seed, epoch)
        shuffled = np.empty_like(places)
        windows = places // self.window
        for window in np.unique(windows).tolist():
            here, start = windows == window, window * self.window
            size = min(self.window, int(ends[-1]) - start)
            shuffled[here] = start + permutation(size, self.seed, epoch, _WINDOW, window)[places[here] - start]
        laid = np.searchsorted(ends, shuffled, side="right")
        starts = ends - np.asarray(self.counts, np.int64)[order]
        return order[laid], shuffled - starts[laid]


@lru_cache(maxsize=4)
def _shard_order(counts: tuple[int, ...], seed: int, epoch: int) -> tuple[Indices, Indices]:
    order = permutation(len(counts), seed, epoch, _SHARDS)
    return order, np.cumsum(np.asarray(counts, np.int64)[order])


@lru_cache(maxsize=8)
def permutation(count: int, *entropy: int) -> Indices:
    """Return the numbers below `count` in an order that depends only on the entropy."""
    return np.random.default_rng(entropy).permutation(count)
