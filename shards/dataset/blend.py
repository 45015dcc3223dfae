"""`Blend`: several dataset versions from which a training draws by fixed shares, used as if they were one dataset."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shards.dataset.dataset import Dataset
from shards.errors import DatasetError
from shards.layout.manifest import Manifest
from shards.reading.mixture import BalancedOrder, Mixture, seed_of_part
from shards.reading.order import Indices, ShuffledOrder
from shards.reading.resident import Batch, Split, check_memory, fits
from shards.reading.windows import Stream, WindowedSplit


@dataclass(frozen=True)
class Blend:
    """Dataset versions with their shares of the samples. The first one decides size, channels and classes."""

    datasets: tuple[Dataset, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, datasets: Sequence[Dataset], shares: Sequence[float]) -> "Blend":
        """Blend datasets. Raises DatasetError for datasets that do not fit together, or for a share of nearly 0."""
        first = datasets[0].manifest
        for one in datasets[1:]:
            _check_fit(first, one.manifest)
        try:
            Mixture.by_shares(shares, 0)
        except ValueError as error:
            raise DatasetError(f"The datasets cannot be blended: {error}.") from error
        return cls(tuple(datasets), tuple(share / sum(shares) for share in shares))

    @property
    def manifest(self) -> Manifest:
        """The manifest of the first dataset."""
        return self.datasets[0].manifest

    def num_samples(self, split: str) -> int:
        """Return the number of images in a split of all datasets together."""
        return sum(one.num_samples(split) for one in self.datasets)

    def decoded_bytes(self, split: str) -> int:
        """Return the memory that the decoded split of all datasets needs, in bytes."""
        return sum(one.decoded_bytes(split) for one in self.datasets)

    def fits_memory(self, split: str, copies: int = 1) -> bool:
        """Return whether `copies` of all decoded splits need at most 60 % of the free memory."""
        return fits(copies * self.decoded_bytes(split))

    def open_split(self, split: str) -> "BlendedSplit":
        """Decode a split of each dataset into memory. Raises what Dataset.open_split raises."""
        check_memory(self.decoded_bytes(split), f"the blend of {', '.join(one.name for one in self.datasets)}")
        parts = [one.open_split(split) for one in self.datasets]
        maps = [label_map(self.manifest, one.manifest) for one in self.datasets]
        return BlendedSplit(
            images=np.concatenate([part.images for part in parts]),
            labels=np.concatenate([mapping[part.labels] for part, mapping in zip(parts, maps, strict=True)]),
            keys=[key for part in parts for key in part.keys],
            manifest=self.manifest,
            sizes=tuple(map(len, parts)),
            shares=self.shares,
        )

    def windows(self, split: str, shuffle_buffer: int, cache_bytes: int = 2**31) -> "BlendedWindows":
        """Return a split from which shuffled batches are read without decoding all of it first."""
        room = cache_bytes // len(self.datasets)
        parts = tuple(one.windows(split, shuffle_buffer, room) for one in self.datasets)
        return BlendedWindows(parts, self.shares)


@dataclass(frozen=True)
class BlendedSplit(Split):
    """The samples of all datasets in memory, one dataset after the other."""

    sizes: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()

    def samples(self, positions: Indices, seed: int) -> Indices:
        """Return the sample number at each position of a training."""
        parts, local = Mixture.by_shares(self.shares, seed).places(positions)
        starts = np.cumsum((0, *self.sizes))
        numbers = np.empty_like(positions)
        for part in np.unique(parts).tolist():
            here, own = parts == part, seed_of_part(seed, part)
            start, stop = starts[part], starts[part + 1]
            order = BalancedOrder.of(self.labels[start:stop], own) if self.balanced else None
            numbers[here] = start + (order or ShuffledOrder(self.sizes[part], own)).samples(local[here])
        return numbers


@dataclass(frozen=True)
class BlendedWindows:
    """Split windows of several datasets, read in turn. The methods are those of WindowedSplit."""

    parts: tuple[WindowedSplit, ...]
    shares: tuple[float, ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def shuffle_buffer(self) -> int:
        """The number of samples in a window of one dataset."""
        return self.parts[0].shuffle_buffer

    @property
    def num_shards(self) -> int:
        """The number of shards of all datasets."""
        return sum(part.num_shards for part in self.parts)

    def stream(self, seed: int) -> Stream:
        """Return the samples in the order of a training with this seed, drawn from all datasets by their shares."""
        orders = tuple(part.order(seed_of_part(seed, number)) for number, part in enumerate(self.parts))
        maps = tuple(label_map(self.parts[0].manifest, part.manifest) for part in self.parts)
        return Stream(self.parts, orders, Mixture.by_shares(self.shares, seed), maps)

    def batches(self, batch_size: int, **options: Any) -> Iterator[Batch]:
        """See WindowedSplit.batches."""
        return self.stream(options.pop("seed")).batches(batch_size, **options)


def label_map(first: Manifest, other: Manifest) -> Indices:
    """Return the number in `first` of each class of `other`, by the name of the class. Without classes it is 0."""
    if not first.labels:
        return np.zeros(max(len(other.labels), 1), np.int64)
    return np.asarray([first.labels.index(label) for label in other.labels], np.int64)


def _check_fit(first: Manifest, other: Manifest) -> None:
    ours, theirs = ((one.size, one.channels) for one in (first, other))
    if ours != theirs:
        raise DatasetError(
            f"{first.name} and {other.name} cannot be blended: their images have {ours[0]} pixels and {ours[1]} "
            f"channels, and {theirs[0]} pixels and {theirs[1]} channels. Build one of them again with the other's."
        )
    unknown = sorted(set(other.labels) - set(first.labels))
    if first.labels and (unknown or not other.labels):
        found = f"the class {unknown[0]!r}" if unknown else "no classes"
        raise DatasetError(
            f"{first.name} and {other.name} cannot be blended: the second has {found}, but the classes of the first "
            f"are {', '.join(first.labels[:20])}. Classes are matched by name. Put the dataset with all classes first, "
            f"or build both with shard.labels=none."
        )
