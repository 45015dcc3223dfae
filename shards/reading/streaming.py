"""Streaming: the samples of a split one after the other, in bounded memory, shared among several readers."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shards.errors import ShardError, SplitError
from shards.images.conversion import rendered
from shards.images.formats import sniff
from shards.images.recipe import Recipe
from shards.layout.manifest import Manifest, beside
from shards.layout.publishing import local_copy
from shards.layout.tars import read_samples, verify
from shards.reading.jpeg_pixels import decode_plain_jpeg


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of a shard: key, class number (0 when unlabelled), encoded bytes and their suffix."""

    key: str
    label: int
    encoded: bytes
    suffix: str
    recipe: Recipe

    def decode(self) -> NDArray[np.uint8]:
        """Return the pixels as uint8 [channel, row, column]. Raises ShardError when they cannot be decoded."""
        return np.ascontiguousarray(self.pixels())

    def pixels(self) -> NDArray[np.uint8]:
        """Return what `decode` returns, in whatever memory layout it was decoded; `put` copies it into a batch."""
        pixels = decode_plain_jpeg(self.encoded, self.recipe.channels, self.recipe.most_pixels())
        if pixels is None:
            pixels = self._render()
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    def _render(self) -> NDArray[np.uint8]:
        try:
            with Image.open(io.BytesIO(self.encoded), formats=[sniff(self.encoded)]) as image:
                self._check_size(image.size)
                return np.asarray(rendered(image, self.recipe))
        except ShardError:
            raise
        except Exception as error:  # Pillow raises many types of errors
            raise ShardError(f"The sample {self.key!r} cannot be decoded: {error}. Build the dataset again.") from error

    def _check_size(self, size: tuple[int, int]) -> None:
        """Refuse an image that is larger than the recipe allows, before it is decoded."""
        most = self.recipe.most_pixels()
        if size[0] * size[1] > most:
            raise ShardError(
                f"The sample {self.key!r} has {size[0]} x {size[1]} pixels, but the dataset allows {most} pixels. "
                f"Build the dataset again."
            )


def put(key: str, pixels: NDArray[np.uint8], target: NDArray[np.uint8]) -> None:
    """Copy the pixels of a sample to their place in a batch. Raises SplitError when the shapes differ."""
    if pixels.shape != target.shape:
        raise SplitError(
            f"The sample {key!r} has the shape {pixels.shape}, but {target.shape} is needed. A split of mixed sizes "
            f"can only be streamed one by one. Build the dataset again with shard.shape=crop, fit or stretch."
        )
    target[...] = pixels


def checked_label(manifest: Manifest, key: str, label: int | None) -> int:
    """Return the class number of a sample, 0 when it is unlabelled. Raises ShardError for an unknown class."""
    if label is not None and manifest.labels and label >= len(manifest.labels):
        raise ShardError(
            f"The sample {key!r} has the label {label}, but {manifest.name} has {len(manifest.labels)} classes. "
            f"Build the dataset again."
        )
    return label or 0


def stream_split(
    manifest_uri: str, manifest: Manifest, split: str, reader: int = 0, readers: int = 1
) -> Iterator[Sample]:
    """Yield the samples of a split in shard order, or the contiguous share of one of several readers.

    The shares of all readers are disjoint, together complete, and differ by at most one sample, also when there are
    fewer shards than readers. Every shard is checked against the manifest before its first sample is yielded. Raises
    SplitError for an unknown or empty split and ShardError for a damaged shard.
    """
    records = manifest.shards(split)
    recipe = manifest.recipe()
    total = manifest.num_samples(split)
    first, last = reader * total // readers, (reader + 1) * total // readers
    start = 0
    for record in records:
        stop = start + record.nsamples
        if start < last and first < stop:
            with local_copy(beside(manifest_uri, record.url)) as (path, digest):
                verify(path, record, digest)
                for raw in read_samples(path, max(first - start, 0), min(last - start, record.nsamples)):
                    yield Sample(raw.key, checked_label(manifest, raw.key, raw.label), raw.data, raw.suffix, recipe)
        start = stop
