"""Verifies a dataset version: every shard against its sha256, and the version against what the shards hold."""

from collections.abc import Iterator
from hashlib import sha256
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
    """Read all shards, one after the other, compare each with its sha256, and compute the version from the samples."""
    samples: list[_Sample] = []
    shards = [_check(beside(manifest_uri, record.url), record, samples) for record in manifest.shardlist]
    is_whole = not any(one.problem for one in shards)
    return CheckedShards(shards, _version(manifest, samples) if is_whole else "")


def _check(uri: str, record: ShardRecord, samples: list[_Sample]) -> ShardState:
    """Check a shard, and add its samples to `samples`."""
    try:
        with local_copy(uri) as (path, digest):
            verify(path, record, digest)
            samples += [(raw.key, sha256(raw.data).hexdigest(), raw.label) for raw in read_samples(path)]
    except ShardError as error:
        return ShardState(record, str(error), not exists(uri))
    return ShardState(record)


def find_damage(manifest_uri: str, manifest: Manifest) -> Iterator[str]:
    """Read all shards, one after the other, and yield one sentence for each that is missing or altered.

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


def _version(manifest: Manifest, samples: list[_Sample]) -> str:
    version = VersionHash(manifest.settings)
    for sample in sorted(samples, key=itemgetter(0)):
        version.add(*sample)
    return version.version()
