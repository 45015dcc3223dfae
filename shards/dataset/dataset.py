"""`Dataset`: an opened dataset version, through which everything that is stored in it is read.

What reads images or tables is imported when it is needed: opening a version needs neither numpy nor pyarrow.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shards.dataset.verification import CheckedShards, check_shards, find_damage
from shards.layout.manifest import SAMPLES_TABLE, Manifest, ShardRecord, beside, load_manifest, resolve_dataset

if TYPE_CHECKING:
    import pyarrow as pa
    from webdataset import DataPipeline

    from shards.dataset.traces import JpegTraces
    from shards.reading.resident import Split
    from shards.reading.streaming import Sample
    from shards.reading.windows import WindowedSplit


@dataclass(frozen=True)
class Dataset:
    """A version of a dataset: `uri` is where its manifest lies. Shards and tables lie beside the manifest.

    Methods that take a split raise SplitError when the version has no such split. Methods that read shards raise
    SplitError for an empty split too, and ShardError for a shard that is missing, cut off or altered.
    """

    uri: str
    manifest: Manifest

    @classmethod
    def open(cls, reference: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> "Dataset":
        """Open a version by the URI of its manifest. With a `root`, `name` and `name@version` are found as well.

        Raises DatasetError when there is no such version, or when its manifest cannot be read.
        """
        where = os.fspath(reference)
        uri = where if root is None else resolve_dataset(root, where)
        return cls(uri, load_manifest(uri))

    @property
    def name(self) -> str:
        """The name of the dataset with the version: `digits@0123456789abcdef`."""
        return self.manifest.name

    @property
    def labels(self) -> list[str]:
        """The names of the classes in the order of their numbers. The list is empty when images have no classes."""
        return self.manifest.labels

    @property
    def splits(self) -> list[str]:
        """The names of the splits that have images."""
        return [split for split, count in self.manifest.num_samples_by_split.items() if count]

    def num_samples(self, split: str) -> int:
        """Return the number of images in a split."""
        return self.manifest.num_samples(split)

    def class_counts(self, split: str) -> list[int]:
        """Return the number of images of each class, by the number of the class."""
        return self.manifest.class_counts(split)

    def shard_uri(self, record: ShardRecord) -> str:
        """Return where a shard lies."""
        return beside(self.uri, record.url)

    def open_split(self, split: str, most: int | None = None) -> "Split":
        """Decode a split into memory, or its first `most` images.

        The order of a split is random, because samples are ordered by their hash. Raises SplitError when images differ
        in size or memory does not suffice.
        """
        from shards.reading.resident import decode_split

        return decode_split(self.uri, self.manifest, split, most)

    def decoded_bytes(self, split: str) -> int:
        """Return the memory that a decoded split needs, in bytes."""
        from shards.reading.resident import decoded_bytes

        return decoded_bytes(self.manifest, split)

    def fits_memory(self, split: str, copies: int = 1) -> bool:
        """Return whether `copies` of a decoded split need at most 60 % of the free memory."""
        from shards.reading.resident import fits_memory

        return fits_memory(self.manifest, split, copies)

    def stream(
        self, split: str, *, rank: int = 0, world_size: int = 1, worker: int = 0, num_workers: int = 1
    ) -> "Iterator[Sample]":
        """Yield the samples of a split in shard order, in bounded memory, or one reader's contiguous share of them.

        The shares of all ranks and workers are disjoint, together complete, and differ by at most one sample. Each
        shard is checked against the manifest before its first sample is yielded.
        """
        from shards.reading.streaming import stream_split

        reader, readers = rank * num_workers + worker, world_size * num_workers
        if not (0 <= rank < world_size and 0 <= worker < num_workers):
            raise ValueError(f"rank is {rank} of {world_size} and worker {worker} of {num_workers}. Count them from 0.")
        return stream_split(self.uri, self.manifest, split, reader, readers)

    def windows(self, split: str, shuffle_buffer: int, cache_bytes: int = 2**31) -> "WindowedSplit":
        """Return a split from which shuffled batches are read without decoding all of it first."""
        from shards.reading.windows import WindowedSplit

        self.manifest.shards(split)
        return WindowedSplit(self.uri, self.manifest, split, shuffle_buffer, cache_bytes)

    def pipeline(
        self,
        split: str,
        *,
        seed: int = 0,
        start: int = 0,
        group: int = 1,
        shuffle_buffer: int = 8192,
        cache_bytes: int = 2**31,
        repeat: bool = True,
        decode: bool = True,
    ) -> "DataPipeline":
        """Return a webdataset pipeline over a split, to which further stages of webdataset can be added.

        Its stages are the order of the samples, reading from shards that are checked against the manifest, and decoding
        (see shards.reading.pipeline). A sample is a dictionary with `__key__`, `__position__`, `cls` (its class as int)
        and `image` (uint8 [channel, row, column]), or without `decode` the bytes under their suffix, such as `jpg`.

        The order depends only on seed and position. A training that has seen `start` samples goes on with that number.
        Samples are shared among the processes of torch.distributed and the workers of a loader. With `group` equal to
        the batch size of one process, the batches are the same for any number of workers.
        """
        from shards.reading.windows import row_pipeline

        windows = self.windows(split, shuffle_buffer, cache_bytes)
        return row_pipeline(windows, seed=seed, start=start, group=group, repeat=repeat, decode=decode)

    def traces(self, split: str = "train") -> "JpegTraces":
        """Count the JPEG encodings of a split; raises DatasetError when the samples table does not record them."""
        from shards.dataset.traces import read_jpeg_traces

        return read_jpeg_traces(beside(self.uri, SAMPLES_TABLE), split)

    def samples_table(self, columns: Sequence[str]) -> "pa.Table":
        """Return columns of the samples table, one row per image; raises OSError when the file is missing."""
        from shards.layout.tables import read_columns

        return read_columns(beside(self.uri, SAMPLES_TABLE), columns)

    def sample_batches(self, columns: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yield columns of the samples table part by part, in bounded memory; raises OSError when it is missing."""
        from shards.layout.tables import read_batches

        return read_batches(beside(self.uri, SAMPLES_TABLE), columns)

    def find_damage(self) -> Iterator[str]:
        """Read all shards and yield a sentence for each that is missing or altered.

        When all are intact, the version is computed from the content. One sentence is yielded when it is not the
        version that the manifest names.
        """
        return find_damage(self.uri, self.manifest)

    def check_shards(self) -> CheckedShards:
        """Read all shards and return the state of each, and the version that their content gives if all are intact."""
        return check_shards(self.uri, self.manifest)

    def facts(self) -> list[tuple[str, str]]:
        """Return what a reader should know about this version, as (name, value) pairs in the order to show them."""
        manifest = self.manifest
        counts = manifest.num_samples_by_split
        splits = ", ".join(f"{count:,} {split}" for split, count in counts.items())
        size = sum(record.bytes for record in manifest.shardlist) / 2**20
        facts = [
            ("Dataset", manifest.name),
            ("Images", f"{sum(counts.values()):,} ({splits})"),
            ("Classes", str(len(manifest.labels)) if manifest.labels else "unlabelled"),
            ("Resolution", f"{manifest.size} pixels, {'grey' if manifest.channels == 1 else 'colour'}"),
            ("Shards", f"{len(manifest.shardlist)} ({size:,.1f} MiB)"),
            ("Source", manifest.source),
        ]
        made_by = [("Made by", manifest.generated_by)] if manifest.generated_by else []
        kept = manifest.num_marked_kept
        marked = [("Marked as generated", f"{kept:,}")] if kept and not made_by else []
        return facts + made_by + marked


def load_split(manifest_uri: str | os.PathLike[str], split: str) -> "Split":
    """Decode a split into memory; the same as `Dataset.open(manifest_uri).open_split(split)`."""
    return Dataset.open(manifest_uri).open_split(split)
