"""The shards that a process reads from: checked before the first sample, and copied before they are needed."""

import json
import os
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from shards.errors import ShardError
from shards.layout.manifest import Manifest, ShardRecord, beside
from shards.layout.publishing import local_copy
from shards.layout.tars import Member, index_samples, verify
from shards.reading.exchange import ShardExchange
from shards.reading.stages import StageClock
from shards.reading.streaming import Sample, checked_label
from shards.storage.uris import is_remote, local_path

_MOST_OPEN = 128
_FETCHING_THREADS = 4


@dataclass(frozen=True)
class OpenShard:
    """A checked shard: its file descriptor and the positions of its samples. `note` is a descriptor for the others."""

    descriptor: int
    members: list[Member]
    cached_bytes: int
    note: int | None = None

    def close(self) -> None:
        """Close the descriptors. This also removes the copy of a remote shard when no other process has it open."""
        for one in {self.descriptor, self.note} - {None}:
            os.close(one)  # type: ignore[arg-type]


class OpenShards:
    """Keeps the last used shards open. Copies of remote shards are unlinked files, so a kill leaves none behind.

    With an `exchange`, one of its processes prepares a shard for all: it copies, hashes and indexes the shard.
    """

    def __init__(
        self,
        manifest_uri: str,
        manifest: Manifest,
        records: list[ShardRecord],
        cache_bytes: int,
        clock: StageClock | None = None,
        exchange: ShardExchange | None = None,
    ) -> None:
        self.clock = clock or StageClock()
        self._records = records
        self._uris = [beside(manifest_uri, record.url) for record in records]
        self._manifest, self._recipe = manifest, manifest.recipe()
        self._cache_bytes = cache_bytes
        self._exchange = exchange
        self._open: OrderedDict[int, OpenShard] = OrderedDict()
        self._coming: dict[int, Future[OpenShard | None]] = {}
        self._threads: ThreadPoolExecutor | None = None

    def fetch_ahead(self, numbers: Sequence[int]) -> None:
        """Begin to prepare shards that are needed soon, the first ones first, as many as the cache has room for.

        Local shards are prepared before only if other processes profit from it.
        """
        for number in dict.fromkeys(numbers):
            is_far = is_remote(self._uris[number])
            if number in self._open or number in self._coming or not (is_far or self._exchange):
                continue
            if not self._has_room(self._size(number), numbers):
                return
            # Local shards take computing time only, and the process has other work to do.
            self._threads = self._threads or ThreadPoolExecutor(_FETCHING_THREADS if is_far else 1, "fetch-shards")
            self._coming[number] = self._threads.submit(self._prepare_unless_coming, number)

    def read(self, number: int, row: int) -> Sample:
        """Return the sample in a row of a shard. Raises ShardError for a damaged shard."""
        shard = self._opened(number)
        member = shard.members[row]
        data = os.pread(shard.descriptor, member.size, member.offset)
        if len(data) != member.size:
            raise ShardError(f"The shard {self._uris[number]!r} ends inside {member.key!r}. Build the dataset again.")
        label = checked_label(self._manifest, member.key, member.label)
        self.clock.lap("read")
        return Sample(member.key, label, data, member.suffix, self._recipe)

    def close(self) -> None:
        """Close all shards. This also removes the copies of remote shards."""
        while self._open:
            self._drop(next(iter(self._open)))
        for number, future in self._coming.items():
            if not future.cancel():
                future.add_done_callback(lambda done, number=number: self._close_fetched(number, done))  # type: ignore[misc]
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
        """Return a shard that is being prepared already, or else prepare it now."""
        if number in self._coming and (shard := self._coming.pop(number).result()):
            return shard
        while self._open and not self._fits(self._size(number)):
            self._drop(next(iter(self._open)))
        return self._prepare(number)

    def _prepare_unless_coming(self, number: int) -> OpenShard | None:
        """Prepare a shard, except if another process is preparing it now. Then it is looked for when it is needed."""
        return None if self._exchange and self._exchange.is_coming(number) else self._prepare(number)

    def _prepare(self, number: int) -> OpenShard:
        """Open a shard that another process has prepared, or copy, check and index it."""
        uri, record = self._uris[number], self._records[number]
        if self._exchange is None:
            return _open_shard(uri, record)
        note = self._exchange.acquire(number)
        if note is not None:
            return _open_noted(uri, record, note) or _open_shard(uri, record)
        try:
            shard = _with_note(_open_shard(uri, record), record)
        except BaseException:
            self._exchange.withdraw(number)
            raise
        assert shard.note is not None
        self._exchange.publish(number, shard.note)
        return shard

    def _size(self, number: int) -> int:
        """Return the bytes that a shard takes in the cache."""
        return self._records[number].bytes if is_remote(self._uris[number]) else 0

    def _has_room(self, num_bytes: int, needed: Sequence[int]) -> bool:
        """Return whether this fits into the cache, after closing shards that are not needed, the oldest first."""
        for number in [number for number in self._open if number not in set(needed)]:
            if self._fits(num_bytes):
                break
            self._drop(number)
        return self._fits(num_bytes)

    def _fits(self, num_bytes: int) -> bool:
        cached = sum(shard.cached_bytes for shard in self._open.values())
        coming = sum(self._size(number) for number in self._coming)
        return len(self._open) + len(self._coming) < _MOST_OPEN and num_bytes + cached + coming <= self._cache_bytes

    def _drop(self, number: int) -> None:
        if self._exchange:
            self._exchange.withdraw(number)
        self._open.pop(number).close()

    def _close_fetched(self, number: int, future: "Future[OpenShard | None]") -> None:
        """Close a shard that was prepared, although nobody needs it any more."""
        if not future.cancelled() and future.exception() is None and (shard := future.result()):
            if self._exchange:
                self._exchange.withdraw(number)
            shard.close()


def _open_shard(uri: str, record: ShardRecord) -> OpenShard:
    with local_copy(uri) as (path, digest):
        verify(path, record, digest)
        members = _members(path, record)
        is_far = is_remote(uri)
        # The index is written behind the copy of a remote shard.
        descriptor = os.open(path, os.O_RDWR if is_far else os.O_RDONLY)
        return OpenShard(descriptor, members, record.bytes if is_far else 0)


def _with_note(shard: OpenShard, record: ShardRecord) -> OpenShard:
    """Write what others need to know about an open shard: its index, and which file was checked."""
    index = json.dumps({"file": _identity(shard.descriptor), "members": shard.members}).encode()
    if shard.cached_bytes:
        os.pwrite(shard.descriptor, index, record.bytes)
        return OpenShard(shard.descriptor, shard.members, shard.cached_bytes, shard.descriptor)
    with tempfile.TemporaryFile(prefix="shard-") as file:
        note = os.dup(file.fileno())
    os.pwrite(note, index, 0)
    return OpenShard(shard.descriptor, shard.members, 0, note)


def _open_noted(uri: str, record: ShardRecord, note: int) -> OpenShard | None:
    """Open a shard that another process has prepared. Return None if the file is not the one that it has checked."""
    is_far = is_remote(uri)
    start = record.bytes if is_far else 0
    index = json.loads(os.pread(note, os.fstat(note).st_size - start, start))
    members = [Member(*one) for one in index["members"]]
    if is_far:
        return OpenShard(note, members, record.bytes)
    os.close(note)
    try:
        descriptor = os.open(local_path(uri), os.O_RDONLY)
    except OSError:
        return None
    shard = OpenShard(descriptor, members, 0)
    if _identity(descriptor) == index["file"]:
        return shard
    shard.close()
    return None


def _identity(descriptor: int) -> list[int]:
    state = os.fstat(descriptor)
    return [state.st_ino, state.st_mtime_ns, state.st_size]


def _members(path: Path, record: ShardRecord) -> list[Member]:
    members = index_samples(path)
    if len(members) != record.nsamples:
        raise ShardError(
            f"The shard {str(path)!r} has {len(members)} samples, but its manifest says {record.nsamples}. "
            f"Build the dataset again."
        )
    return members
