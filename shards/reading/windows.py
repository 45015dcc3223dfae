"""Training batches read from the shards: shuffled window by window, and any position is reached without replay."""

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shards.errors import ShardError
from shards.layout.manifest import Manifest, ShardRecord, beside
from shards.layout.publishing import local_copy
from shards.layout.tars import Member, index_samples, verify
from shards.reading.order import Indices, WindowOrder, rank_positions
from shards.reading.stages import StageClock
from shards.reading.streaming import Sample, checked_label, put
from shards.storage.uris import is_remote

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]
_MOST_OPEN = 128
_FETCHING_THREADS = 4


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

    def batches(
        self,
        batch_size: int,
        *,
        seed: int,
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
        positions = rank_positions(
            batch_size, start_nimg=start_nimg, rank=rank, world_size=world_size, first=first, step=step
        )
        reader = self.reader(seed, clock)
        try:
            for here in positions:
                yield reader.read(here)
        finally:
            reader.close()

    @property
    def num_shards(self) -> int:
        """The number of shards of the split."""
        return len(self.manifest.shards(self.split))

    def reader(self, seed: int, clock: StageClock | None = None) -> "WindowReader":
        """Return what reads the samples at any positions of a training with this seed."""
        records = self.manifest.shards(self.split)
        order = WindowOrder(tuple(record.nsamples for record in records), seed, self.shuffle_buffer)
        return WindowReader(order, OpenShards(self.manifest_uri, self.manifest, records, self.cache_bytes, clock))


class WindowReader:
    """Reads the samples at given positions, and keeps the last used shards open."""

    def __init__(self, order: WindowOrder, shards: "OpenShards") -> None:
        self._order, self._shards = order, shards
        manifest = shards.manifest
        self.shape = (manifest.channels, manifest.resolution, manifest.resolution)
        self._window: tuple[int, int] | None = None

    def read(self, positions: Indices, images: NDArray[np.uint8] | None = None) -> Batch:
        """Return the images, in the array `images` if it is given, and the labels. Raises what `fill` raises."""
        images = np.empty((len(positions), *self.shape), np.uint8) if images is None else images
        labels = np.empty(len(positions), np.int64)
        self.fill(positions, images, labels, range(len(positions)))
        return images, labels

    def fill(
        self, positions: Indices, images: NDArray[np.uint8], labels: Indices, places: Sequence[int] | Indices
    ) -> None:
        """Put the sample at each position into its place in a batch.

        Raises ShardError for a damaged shard and SplitError for an image of another size.
        """
        clock = self._shards.clock
        for index, sample in self.samples(positions):
            place = places[index]
            pixels = sample.pixels()
            clock.lap("decode")
            put(sample.key, pixels, images[place])
            labels[place] = sample.label
            clock.lap("collate")

    def samples(self, positions: Indices) -> Iterator[tuple[int, Sample]]:
        """Yield the index of each position and the sample there, which is not decoded yet.

        They come in the order of the shards, so that no shard is opened twice even when few may be open.
        """
        self._fetch_ahead(int(positions[0]))
        numbers, rows = self._order.rows(positions)
        indices = np.lexsort((rows, numbers)).tolist()
        self._shards.clock.lap("shuffle")
        for index in indices:
            yield index, self._shards.read(int(numbers[index]), int(rows[index]))

    def _fetch_ahead(self, position: int) -> None:
        """At the start of each window, begin to copy the remote shards of this window and of the next one."""
        present, following = self._order.windows_at(position)
        if present != self._window:
            self._window = present
            self._shards.fetch_ahead([*self._order.shards_of(present), *self._order.shards_of(following)])

    def close(self) -> None:
        """Close all shards."""
        self._shards.close()


@dataclass(frozen=True)
class OpenShard:
    """A checked shard: its file descriptor and the positions of its samples."""

    descriptor: int
    members: list[Member]
    cached_bytes: int


class OpenShards:
    """Keeps the last used shards open. Copies of remote shards are unlinked files, so a kill leaves none behind."""

    def __init__(
        self,
        manifest_uri: str,
        manifest: Manifest,
        records: list[ShardRecord],
        cache_bytes: int,
        clock: StageClock | None = None,
    ) -> None:
        self.clock = clock or StageClock()
        self._records = records
        self._uris = [beside(manifest_uri, record.url) for record in records]
        self.manifest, self._recipe = manifest, manifest.recipe()
        self._cache_bytes = cache_bytes
        self._open: OrderedDict[int, OpenShard] = OrderedDict()
        self._coming: dict[int, Future[OpenShard]] = {}
        self._threads: ThreadPoolExecutor | None = None

    def fetch_ahead(self, numbers: Sequence[int]) -> None:
        """Begin to copy remote shards that are needed soon, the first ones first, as many as the cache has room for."""
        for number in dict.fromkeys(numbers):
            if number in self._open or number in self._coming or not is_remote(self._uris[number]):
                continue
            if not self._has_room(self._records[number].bytes, numbers):
                return
            self._threads = self._threads or ThreadPoolExecutor(_FETCHING_THREADS, "fetch-shards")
            self._coming[number] = self._threads.submit(_open_shard, self._uris[number], self._records[number])

    def read(self, number: int, row: int) -> Sample:
        """Return the sample in a row of a shard. Raises ShardError for a damaged shard."""
        shard = self._opened(number)
        member = shard.members[row]
        data = os.pread(shard.descriptor, member.size, member.offset)
        if len(data) != member.size:
            raise ShardError(f"The shard {self._uris[number]!r} ends inside {member.key!r}. Build the dataset again.")
        label = checked_label(self.manifest, member.key, member.label)
        self.clock.lap("read")
        return Sample(member.key, label, data, member.suffix, self._recipe)

    def close(self) -> None:
        """Close all shards. This also removes the copies of remote shards."""
        while self._open:
            self._drop(next(iter(self._open)))
        for future in self._coming.values():
            if not future.cancel():
                future.add_done_callback(_close_fetched)
        self._coming.clear()
        if self._threads:
            self._threads.shutdown(wait=False)
            self._threads = None

    def _opened(self, number: int) -> OpenShard:
        if number not in self._open:
            self._open[number] = self._fetched(number)
            self.clock.lap("fetch")
        self._open.move_to_end(number)
        return self._open[number]

    def _fetched(self, number: int) -> OpenShard:
        """Return a shard that is being copied already, or else copy it now."""
        if number in self._coming:
            return self._coming.pop(number).result()
        size = self._records[number].bytes if is_remote(self._uris[number]) else 0
        while self._open and not self._fits(size):
            self._drop(next(iter(self._open)))
        return _open_shard(self._uris[number], self._records[number])

    def _has_room(self, num_bytes: int, needed: Sequence[int]) -> bool:
        """Return whether this fits into the cache, after closing shards that are not needed, the oldest first."""
        for number in [number for number in self._open if number not in set(needed)]:
            if self._fits(num_bytes):
                break
            self._drop(number)
        return self._fits(num_bytes)

    def _fits(self, num_bytes: int) -> bool:
        cached = sum(shard.cached_bytes for shard in self._open.values())
        coming = sum(self._records[number].bytes for number in self._coming)
        return len(self._open) + len(self._coming) < _MOST_OPEN and num_bytes + cached + coming <= self._cache_bytes

    def _drop(self, number: int) -> None:
        os.close(self._open.pop(number).descriptor)


def _close_fetched(future: "Future[OpenShard]") -> None:
    """Close a shard that was copied, although nobody needs it any more."""
    if not future.cancelled() and future.exception() is None:
        os.close(future.result().descriptor)


def _open_shard(uri: str, record: ShardRecord) -> OpenShard:
    with local_copy(uri) as path:
        verify(path, record)
        members = _members(path, record)
        return OpenShard(os.open(path, os.O_RDONLY), members, record.bytes if is_remote(uri) else 0)


def _members(path: Path, record: ShardRecord) -> list[Member]:
    members = index_samples(path)
    if len(members) != record.nsamples:
        raise ShardError(
            f"The shard {str(path)!r} has {len(members)} samples, but its manifest says {record.nsamples}. "
            f"Build the dataset again."
        )
    return members
