"""The streaming path as stages of a webdataset pipeline, for the trainer and for the training code of other people.

    SampleOrder      yields the positions of this process and worker, one group (a batch) after the other
    LocateSamples    turns positions into shards and rows
    ReadSamples      opens and checks the shards, and reads the bytes of each sample
    DecodeImages     turns bytes into pixels; images larger than the dataset allows are refused undecoded
    CollateBatches   puts the pixels of a group into one array
    RowsInOrder      instead of the last two: a dictionary for each sample, as webdataset's own stages expect

Each stage is a callable that takes the iterator of the stage before it. webdataset.DataPipeline runs such stages, see
https://webdataset.github.io/webdataset. `run_stages` does the same without importing webdataset, which imports torch.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shards.reading.exchange import ShardExchange
from shards.reading.mixture import Mixture
from shards.reading.open_shards import OpenShards
from shards.reading.order import Indices, WindowOrder, rank_positions
from shards.reading.slots import ArraySlots
from shards.reading.stages import IDLE, StageClock
from shards.reading.streaming import Sample, put

if TYPE_CHECKING:
    from shards.reading.windows import WindowedSplit

Row = dict[str, Any]
Pixels = NDArray[np.uint8]


class Turn(NamedTuple):
    """Which groups are read here: those of this process, and of them those of this worker."""

    rank: int = 0
    world_size: int = 1
    worker: int = 0
    num_workers: int = 1


class Batch(NamedTuple):
    """A batch: its images, or the slot that they are in, its labels, and the seconds of each stage for it."""

    images: Pixels | int
    labels: Indices
    seconds: dict[str, float]


@dataclass(frozen=True)
class Group:
    """Positions, with the part of a blend, the shard and the row of each. Without a blend, the part is 0.

    `ahead` has the shards that are needed soon, for each part whose window has changed.
    """

    positions: Indices
    parts: Indices
    shards: Indices
    rows: Indices
    ahead: dict[int, list[int]]


@dataclass(slots=True)
class Item:
    """One sample on its way through the stages: `place` is its index in its group."""

    group: Group
    place: int
    sample: Sample
    label: int
    pixels: Pixels | None = None


def run_stages(first: Callable[[], Iterator[Any]], *others: Callable[[Any], Iterator[Any]]) -> Iterator[Any]:
    """Return the iterator of the last stage."""
    source = first()
    for stage in others:
        source = stage(source)
    return source


@dataclass(frozen=True)
class SampleOrder:
    """The first stage: positions from `start` on, in groups that the workers of all processes take in turn.

    `turn` is asked in the worker. `end` is the position that stops the pipeline. With `per_process`, `batch_size` is
    the size of a group. Without it, the processes share a batch of this size.
    """

    batch_size: int
    start: int
    turn: Callable[[], tuple[int, int, int, int]] = Turn
    end: int | None = None
    per_process: bool = False

    def __call__(self) -> Iterator[Indices]:
        """Yield the positions of each group of this process and worker."""
        rank, world_size, worker, num_workers = self.turn()
        for here in rank_positions(
            self.batch_size * (world_size if self.per_process else 1),
            start_nimg=self.start,
            rank=rank,
            world_size=world_size,
            first=worker,
            step=num_workers,
        ):
            if self.end is not None and here[0] >= self.end:
                return
            yield here if self.end is None else here[here < self.end]


@dataclass(frozen=True)
class LocateSamples:
    """The second stage: the order of the samples, a pure function of seed and position. `mixture` is for a blend."""

    orders: tuple[WindowOrder, ...]
    mixture: Mixture | None = None
    clock: StageClock = field(default_factory=StageClock)

    def __call__(self, source: Iterable[Indices]) -> Iterator[Group]:
        """Yield the place of each sample of a group."""
        windows: dict[int, tuple[int, int]] = {}
        for positions in source:
            parts, local = self.mixture.places(positions) if self.mixture else (np.zeros_like(positions), positions)
            group = Group(positions, parts, np.empty_like(parts), np.empty_like(parts), {})
            for part in np.unique(parts).tolist():
                here, order = parts == part, self.orders[part]
                group.shards[here], group.rows[here] = order.rows(local[here])
                present, following = order.windows_at(int(local[here][0]))
                if windows.get(part) != present:
                    windows[part] = present
                    group.ahead[part] = [*order.shards_of(present), *order.shards_of(following)]
            self.clock.lap("shuffle")
            yield group


@dataclass(frozen=True)
class ReadSamples:
    """The third stage: the encoded samples. Each shard is checked against its sha256 before its first sample.

    `labels` has for each part the class numbers that are given instead of its own. There is one exchange for each part,
    through which the workers share copies, hashes and indexes.
    """

    parts: "tuple[WindowedSplit, ...]"
    labels: tuple[Indices, ...] | None = None
    clock: StageClock = field(default_factory=StageClock)
    exchanges: tuple[ShardExchange, ...] | None = None

    def __call__(self, source: Iterable[Group]) -> Iterator[Item]:
        """Yield the samples of each group in the order of the shards, so that no shard is opened twice.

        Raises ShardError for a damaged shard.
        """
        exchanges = self.exchanges or (None,) * len(self.parts)
        opened = [part.open_shards(self.clock, one) for part, one in zip(self.parts, exchanges, strict=True)]
        try:
            for group in source:
                for part, numbers in group.ahead.items():
                    opened[part].fetch_ahead(numbers)
                yield from self._read(group, opened)
        finally:
            for one in opened:
                one.close()

    def _read(self, group: Group, opened: list[OpenShards]) -> Iterator[Item]:
        parts, shards, rows = group.parts.tolist(), group.shards.tolist(), group.rows.tolist()
        for place in np.lexsort((group.rows, group.shards, group.parts)).tolist():
            part = parts[place]
            sample = opened[part].read(shards[place], rows[place])
            yield Item(group, place, sample, int(self.labels[part][sample.label]) if self.labels else sample.label)


@dataclass(frozen=True)
class DecodeImages:
    """The fourth stage: pixels instead of bytes."""

    clock: StageClock = field(default_factory=StageClock)

    def __call__(self, source: Iterable[Item]) -> Iterator[Item]:
        """Yield each sample with its pixels. Raises ShardError when it cannot be decoded."""
        for item in source:
            item.pixels = item.sample.pixels()
            self.clock.lap("decode")
            yield item


@dataclass(frozen=True)
class CollateBatches:
    """The fifth stage: batches in the order of the positions. `slots` are arrays in memory that workers share."""

    shape: tuple[int, int, int]
    clock: StageClock = field(default_factory=StageClock)
    slots: ArraySlots | None = None

    def __call__(self, source: Iterable[Item]) -> Iterator[Batch]:
        """Yield the images of each group. Raises SplitError for an image of another size."""
        missing = 0
        for item in source:
            if not missing:
                missing = len(item.group.positions)
                slot = self.slots.lease() if self.slots else None
                labels = np.empty(missing, np.int64)
                images = self._array(slot, missing)
            assert item.pixels is not None
            put(item.sample.key, item.pixels, images[item.place])
            labels[item.place] = item.label
            self.clock.lap("collate")
            missing -= 1
            if not missing:
                yield Batch(images if slot is None else slot, labels, self.clock.take())
                del images  # else two batches would be in memory while the next one is made
                self.clock.lap(IDLE)

    def _array(self, slot: int | None, count: int) -> Pixels:
        if slot is None or self.slots is None:
            return np.empty((count, *self.shape), np.uint8)
        return self.slots.array(slot)


@dataclass(frozen=True)
class RowsInOrder:
    """The last stage for other people's code: a dictionary for each sample, in the order of the positions."""

    decode: bool

    def __call__(self, source: Iterable[Item]) -> Iterator[Row]:
        """Yield the samples of each group. They are decoded one at a time."""
        waiting: list[Item] = []
        for item in source:
            waiting.append(item)
            if len(waiting) == len(item.group.positions):
                yield from map(self._row, sorted(waiting, key=lambda one: one.place))
                waiting.clear()

    def _row(self, item: Item) -> Row:
        sample = item.sample
        row: Row = {"__key__": sample.key, "__position__": int(item.group.positions[item.place])}
        content: Row = {"image": sample.decode()} if self.decode else {sample.suffix: sample.encoded}
        return row | content | {"cls": item.label}
