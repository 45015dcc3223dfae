"""Which part each position of a training takes its sample from: exact shares, and any position without replay.

The positions are divided into blocks. Each block takes from each part the same, exact number of samples, in a shuffled
order. So a part gives its own samples one after the other, and all of them once before any of them again. Everything is
a pure function of (seed, position), as in shards.reading.order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from shards.reading.order import Indices, ShuffledOrder, permutation

BLOCK = 10_000  # positions over which shares are exact
_BLEND = 3


@dataclass(frozen=True)
class Mixture:
    """`counts` has the number of samples that each block takes from each part."""

    counts: tuple[int, ...]
    seed: int

    @classmethod
    def by_shares(cls, shares: Sequence[float], seed: int) -> "Mixture":
        """Give each part its share, rounded to one in BLOCK. Raises ValueError for a share that rounds to nothing."""
        exact = np.asarray(shares, np.float64) / sum(shares) * BLOCK
        counts = np.floor(exact).astype(np.int64)
        largest = np.argsort(counts - exact, kind="stable")  # of the fractions that rounding down has cut off
        counts[largest[: BLOCK - int(counts.sum())]] += 1
        if not counts.all():
            raise ValueError(f"the shares are {list(shares)}: each must be at least 1 in {BLOCK} of their sum")
        return cls(tuple(counts.tolist()), seed)

    def places(self, positions: Indices) -> tuple[Indices, Indices]:
        """Return the part, and the position within that part, at each position."""
        blocks, places = np.divmod(positions, sum(self.counts))
        parts, local = np.empty_like(positions), np.empty_like(positions)
        counts = np.asarray(self.counts, np.int64)
        for block in np.unique(blocks).tolist():
            here = blocks == block
            layout, ranks = _layout(self.counts, self.seed, block)
            parts[here] = layout[places[here]]
            local[here] = block * counts[parts[here]] + ranks[places[here]]
        return parts, local


@dataclass(frozen=True)
class BalancedOrder:
    """Every class equally often: images of small classes come back sooner. `members` has the samples of each class."""

    members: tuple[Indices, ...]
    seed: int

    @classmethod
    def of(cls, labels: Indices, seed: int) -> "BalancedOrder":
        """Balance the classes that have samples."""
        return cls(tuple(np.flatnonzero(labels == label) for label in np.unique(labels).tolist()), seed)

    def samples(self, positions: Indices) -> Indices:
        """Return the sample number at each position."""
        numbers = np.empty_like(positions)
        parts, local = Mixture((1,) * len(self.members), self.seed).places(positions)
        for part in np.unique(parts).tolist():
            here, members = parts == part, self.members[part]
            order = ShuffledOrder(len(members), seed_of_part(self.seed, part))
            numbers[here] = members[order.samples(local[here])]
        return numbers


def seed_of_part(seed: int, part: int) -> int:
    """Return a seed of its own for a part of a mixture."""
    return int(np.random.SeedSequence((seed, part)).generate_state(1)[0])


@lru_cache(maxsize=4)
def _layout(counts: tuple[int, ...], seed: int, block: int) -> tuple[Indices, Indices]:
    """Return the part of each place in a block, and how many samples of that part come before it in the block."""
    parts = np.repeat(np.arange(len(counts)), counts)[permutation(sum(counts), seed, block, _BLEND)]
    starts = np.cumsum((0, *counts[:-1]))
    ranks = np.empty_like(parts)
    ranks[np.argsort(parts, kind="stable")] = np.arange(len(parts)) - np.repeat(starts, counts)
    return parts, ranks
