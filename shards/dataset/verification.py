"""Verifies a dataset version: every shard against its sha256, and the version against what the shards hold."""

from collections.abc import Iterator
from hashlib import sha256
from operator import itemgetter

from shards.errors import ShardError
from shards.layout.identity import VersionHash
from shards.layout.manifest import Manifest, beside
from shards.layout.publishing import local_copy
from shards.layout.tars import read_samples, verify

_Sample = tuple[str, str, int | None]  # key, sha256 and label


def find_damage(manifest_uri: str, manifest: Manifest) -> Iterator[str]:
    """Read all shards, one after the other, and yield one sentence for each that is missing or altered.

    When all are intact, the version is computed again from settings and samples. One sentence is yielded when it
    differs from the version in the manifest.
    """
    samples: list[_Sample] = []
    intact = True
    for record in manifest.shardlist:
        try:
            with local_copy(beside(manifest_uri, record.url)) as path:
                verify(path, record)
                samples += [(raw.key, sha256(raw.data).hexdigest(), raw.label) for raw in read_samples(path)]
        except ShardError as error:
            intact = False
            yield str(error)
    if intact and (found := _version(manifest, samples)) != manifest.version:
        yield (
            f"The manifest {manifest_uri!r} names the version {manifest.version}, but its settings and samples give "
            f"{found}: it was altered. Build the dataset again."
        )


def _version(manifest: Manifest, samples: list[_Sample]) -> str:
    version = VersionHash(manifest.settings)
    for sample in sorted(samples, key=itemgetter(0)):
        version.add(*sample)
    return version.version()
