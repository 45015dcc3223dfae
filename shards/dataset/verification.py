"""Proof of a dataset version: every shard against its sha256, and the version against what the shards hold."""

import json
from collections.abc import Iterator
from hashlib import sha256

from shards.errors import ShardError
from shards.layout.manifest import Manifest, beside
from shards.layout.publishing import local_copy
from shards.layout.tars import read_samples, verify

_VERSION_DIGITS = 16


def find_damage(manifest_uri: str, manifest: Manifest) -> Iterator[str]:
    """Yield one sentence for every shard that is missing or altered, and for a version that is not its content.

    All shards are read, one after the other.
    """
    lines: list[str] = []
    whole = True
    for record in manifest.shardlist:
        try:
            with local_copy(beside(manifest_uri, record.url)) as path:
                verify(path, record)
                lines += [_line(raw.key, raw.data, raw.label) for raw in read_samples(path)]
        except ShardError as error:
            whole = False
            yield str(error)
    if whole and (found := _version(manifest, lines)) != manifest.version:
        yield (
            f"the manifest {manifest_uri!r} says version {manifest.version}, its settings and samples "
            f"make {found}: it was altered; build the dataset again"
        )


def _line(key: str, data: bytes, label: int | None) -> str:
    return f"{key} {sha256(data).hexdigest()} {label}\n"


def _version(manifest: Manifest, lines: list[str]) -> str:
    """The version as shards.building.assembly computes it: the settings, then all samples ordered by key."""
    digest = sha256(json.dumps(manifest.settings, sort_keys=True).encode())
    for line in sorted(lines):
        digest.update(line.encode())
    return digest.hexdigest()[:_VERSION_DIGITS]
