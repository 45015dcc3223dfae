"""A split as a webdataset pipeline, for training code of other people: our order, hash checks and decoding as stages.

    SampleOrder     yields the positions of this process and worker, in groups
    ReadSamples     turns positions into samples; each shard is checked against its sha256 before its first sample
    decode_image    replaces the bytes by pixels; images larger than the dataset allows are refused undecoded

Each stage is a callable of webdataset: https://webdataset.github.io/webdataset. The class `DataPipeline` runs them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import webdataset
from webdataset.utils import pytorch_worker_info

from shards.reading.order import Indices, rank_positions
from shards.reading.streaming import Sample
from shards.reading.windows import WindowedSplit

Row = dict[str, Any]


def make_pipeline(
    split: WindowedSplit, *, seed: int, start: int, group: int, repeat: bool, decode: bool
) -> "webdataset.DataPipeline":
    """Return the pipeline that `Dataset.pipeline` describes. Raises ValueError for a start or group below 0 or 1."""
    if start < 0 or group < 1:
        raise ValueError(f"start is {start} and group {group}. Give a start of at least 0 and a group of at least 1.")
    stages = [SampleOrder(len(split), start, group, repeat), ReadSamples(split, seed)]
    return webdataset.DataPipeline(*stages, webdataset.map(decode_image if decode else undecoded))


@dataclass(frozen=True)
class SampleOrder(webdataset.PipelineStage):  # type: ignore[misc]  # webdataset has no types
    """The first stage: positions from `start` on, in groups that the workers of all processes take in turn."""

    count: int
    start: int
    group: int
    repeat: bool

    def run(self) -> Iterator[Indices]:
        """Yield the positions of each group of this process and worker, endlessly with `repeat`, else for one epoch."""
        rank, world_size, worker, num_workers = pytorch_worker_info()
        positions = rank_positions(
            self.group * world_size,
            start_nimg=self.start,
            rank=rank,
            world_size=world_size,
            first=worker,
            step=num_workers,
        )
        if self.repeat:
            yield from positions
        end = (self.start // self.count + 1) * self.count
        for here in positions:
            if here[0] >= end:
                return
            yield here[here < end]


@dataclass(frozen=True)
class ReadSamples(webdataset.PipelineStage):  # type: ignore[misc]
    """The second stage: samples at given positions, from shards that were checked."""

    split: WindowedSplit
    seed: int

    def run(self, groups: Iterable[Indices]) -> Iterator[Row]:
        """Yield the samples of each group in the order of their positions, not decoded."""
        reader = self.split.reader(self.seed)
        try:
            for positions in groups:
                found = dict(reader.samples(positions))
                for index, position in enumerate(positions.tolist()):
                    yield {"__key__": found[index].key, "__position__": position, "sample": found[index]}
        finally:
            reader.close()


def decode_image(row: Row) -> Row:
    """Decode one sample. Raises ShardError when it cannot be decoded or is larger than the dataset allows."""
    sample: Sample = row.pop("sample")
    return row | {"image": sample.decode(), "cls": sample.label}


def undecoded(row: Row) -> Row:
    """Give the bytes of one sample under their suffix, as webdataset's own readers do."""
    sample: Sample = row.pop("sample")
    return row | {sample.suffix: sample.encoded, "cls": sample.label}
