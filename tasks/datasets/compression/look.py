"""Looks at the compression of a collection: headers of a sample of its files, and pixels of a few lossless ones."""

import random
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from shards import Head, ShardConfig, list_entries, read_heads
from shards.sources.entries import Entry
from tasks.datasets.compression.advice import Advice, advise
from tasks.datasets.compression.collection import LOSSLESS, Collection, Traces, count_heads, kind_of
from tasks.datasets.config import CollectionConfig
from tasks.datasets.requests import check_source

SEED = 0
SOME_LOSSLESS = 0.1  # with a smaller share of lossless files, their pixels are not looked at
MOST_PIXELS = 2**22  # of a file whose pixels are looked at


class CollectionOutcome(BaseModel):
    """What was found in a collection, and the advice."""

    model_config = ConfigDict(frozen=True)

    source: str
    collection: Collection
    advice: Advice

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        settings = " ".join(f"{name}={value}" for name, value in self.advice.settings.items())
        return [("source", self.source), *self.advice.facts(), ("settings", settings or "the defaults")]


def examine_collection(config: CollectionConfig) -> CollectionOutcome:
    """Look at the compression of the source. Raises RequestError or SourceError when it does not exist or is empty."""
    shard = config.as_shard()
    check_source(shard)
    entries, num_files = sample(list_entries(shard), config.sample)
    heads = list(read_heads(entries, shard))
    collection = count_heads(heads, num_files)
    if traces := _look_at_pixels(heads, shard, config.sample_pixels):
        collection = collection.model_copy(update={"traces": traces})
    return CollectionOutcome(
        source=shard.source, collection=collection, advice=advise(collection, shard.size, shard.shape)
    )


def sample(entries: Iterable[Entry], count: int) -> tuple[list[Entry], int]:
    """Choose `count` entries at random, the same ones each time, in their order, and return how many there are."""
    draw = random.Random(SEED)
    chosen: list[tuple[int, Entry]] = []
    num_files = 0
    for entry in entries:
        if num_files < count:
            chosen.append((num_files, entry))
        elif (place := draw.randrange(num_files + 1)) < count:
            chosen[place] = (num_files, entry)
        num_files += 1
    return [entry for _, entry in sorted(chosen, key=lambda one: one[0])], num_files


def _look_at_pixels(heads: list[Head], shard: ShardConfig, most: int) -> Traces | None:
    known = [head for head in heads if "reason" not in head.facts]
    lossless = [head for head in known if kind_of(head.facts) in LOSSLESS]
    if not most or len(lossless) < SOME_LOSSLESS * len(known) or not lossless:
        return None
    from tasks.datasets.compression.traces import find_traces  # it imports torch

    small = [one for one in lossless if one.facts.get("width", 1) * one.facts.get("height", 1) <= MOST_PIXELS]
    return find_traces([one.entry for one in small[:most]], shard)
