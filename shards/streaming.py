"""Streaming a split: one sample after the other in bounded memory, divided among ranks and their workers."""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shards.config import ShardConfig
from shards.errors import ShardError
from shards.formats import sniff
from shards.images import rendered
from shards.manifest import Manifest, ShardRecord, load_manifest
from shards.publishing import local_copy
from shards.recipe import Recipe
from shards.tars import read_samples, verify
from shards.uris import join


@dataclass(frozen=True, slots=True)
class Sample:
    """One image in a shard: its key, its class (0 when unlabelled), its encoded bytes and their suffix."""

    key: str
    label: int
    encoded: bytes
    suffix: str
    recipe: Recipe

    def decode(self) -> NDArray[np.uint8]:
        """Return the pixels as uint8, channel, row, column; raises ShardError when they are broken."""
        try:
            with Image.open(io.BytesIO(self.encoded), formats=[sniff(self.encoded)]) as image:
                pixels = np.asarray(rendered(image, self.recipe))
        except Exception as error:  # Pillow raises far more than OSError on broken files
            raise ShardError(f"the sample {self.key!r} cannot be decoded: {error}; build the dataset again") from error
        return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def stream_split(
    manifest_uri: str | os.PathLike[str],
    split: str,
    *,
    rank: int = 0,
    world_size: int = 1,
    worker: int = 0,
    num_workers: int = 1,
) -> Iterator[Sample]:
    """Yield the samples of a split in shard order, or one reader's contiguous share of them.

    The shares of all ranks and workers are disjoint, together whole, and differ by one sample at most, also
    when there are fewer shards than readers. Every shard is checked against the manifest before its first
    sample is given out. Raises SplitError for an unknown or empty split and ShardError for a damaged shard.
    """
    if not (0 <= rank < world_size and 0 <= worker < num_workers):
        raise ValueError(f"rank {rank} of {world_size} and worker {worker} of {num_workers}: count them from 0")
    manifest = load_manifest(manifest_uri)
    records = manifest.shards(split)
    recipe = recipe_of(manifest)
    readers, reader = world_size * num_workers, rank * num_workers + worker
    total = manifest.num_samples(split)
    first, last = reader * total // readers, (reader + 1) * total // readers
    start = 0
    for record in records:
        stop = start + record.nsamples
        if start < last and first < stop:
            with local_copy(shard_uri(manifest_uri, record)) as path:
                verify(path, record)
                for raw in read_samples(path, max(first - start, 0), min(last - start, record.nsamples)):
                    yield Sample(raw.key, raw.label or 0, raw.data, raw.suffix, recipe)
        start = stop


def shard_uri(manifest_uri: str | os.PathLike[str], record: ShardRecord) -> str:
    """Return where a shard lies: beside its manifest. Raises ShardError on a name that leads elsewhere."""
    folder = os.fspath(manifest_uri).rpartition("/")[0] or "."
    return join(folder, _plain_name(record.url))


def recipe_of(manifest: Manifest) -> Recipe:
    """Return the recipe a version was made by."""
    return ShardConfig(source="unknown", dataset=manifest.dataset, **manifest.settings).recipe()


def _plain_name(url: str) -> str:
    if Path(url).name != url or url in ("", ".", ".."):
        raise ShardError(f"the manifest names the shard {url!r}; shards lie beside their manifest")
    return url
