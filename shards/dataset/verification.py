"""Verifies a dataset version: every shard against its sha256, and the version against what the shards hold."""

from collections.abc import Iterator
from hashlib import sha256
from heapq import merge
from operator import itemgetter
from typing import NamedTuple

from shards.errors import ShardError
from shards.layout.identity import VersionHash
from shards.layout.manifest import Manifest, ShardRecord, beside
from shards.layout.publishing import local_copy
from shards.layout.tars import read_samples, verify
from shards.storage.uris import exists

_Sample = tuple[str, str, int | None]  # key, sha256 and label


class ShardState(NamedTuple):
    """One shard of the manifest. `problem` is a sentence, and empty where the shard is intact."""

    record: ShardRecord
    problem: str = ""
    is_missing: bool = False


class CheckedShards(NamedTuple):
    """All shards, and the version that settings and samples give. It is empty unless all shards are intact."""

    shards: list[ShardState]
    version: str


def check_shards(manifest_uri: str, manifest: Manifest) -> CheckedShards:
    """Read all shards, compare each with its sha256, and compute the version from the samples.

    A build writes the samples of each split in the order of their keys. So one shard of each split is read at a time,
    and no more than one sample of each split is in memory.
    """
    found: dict[str, ShardState] = {}
    splits = dict.fromkeys(record.split for record in manifest.shardlist)
    version = VersionHash(manifest.settings)
    for sample in merge(*(_samples(manifest_uri, manifest, split, found) for split in splits), key=itemgetter(0)):
        version.add(*sample)
    shards = [found[record.url] for record in manifest.shardlist]
    is_whole = not any(one.problem for one in shards)
    return CheckedShards(shards, version.version() if is_whole else "")


def _samples(manifest_uri: str, manifest: Manifest, split: str, found: dict[str, ShardState]) -> Iterator[_Sample]:
    """Yield the samples of a split, and add the state of each of its shards to `found`."""
    for record in manifest.shardlist:
        if record.split != split:
            continue
        uri = beside(manifest_uri, record.url)
        try:
            with local_copy(uri) as (path, digest):
                verify(path, record, digest)
                for raw in read_samples(path):
                    yield raw.key, sha256(raw.data).hexdigest(), raw.label
            found[record.url] = ShardState(record)
        except ShardError as error:
            found[record.url] = ShardState(record, str(error), not exists(uri))


def find_damage(manifest_uri: str, manifest: Manifest) -> Iterator[str]:
    """Read all shards, and yield one sentence for each that is missing or altered.

    When all are intact, the version is computed again from settings and samples. One sentence is yielded when it
    differs from the version in the manifest.
    """
    shards, found = check_shards(manifest_uri, manifest)
    yield from (one.problem for one in shards if one.problem)
    if found and found != manifest.version:
        yield (
            f"The manifest {manifest_uri!r} names the version {manifest.version}, but its settings and samples give "
            f"{found}: it was altered. Build the dataset again."
        )
