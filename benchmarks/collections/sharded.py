"""Digits and emoji as dataset versions under ./.shardgan, fetched and built where they are not there yet."""

from pathlib import Path
from typing import Any

from benchmarks.collections import digits, emoji
from shards import Dataset, ShardConfig, build

HOME = Path(".shardgan")
SOURCES = HOME / "sources"
NAMES = ("digits", "emoji")
_FETCH = {"digits": digits.main, "emoji": emoji.main}
_SETTINGS: dict[str, dict[str, Any]] = {
    "digits": {"source": str(SOURCES / "digits"), "channels": 1},
    "emoji": {"source": str(SOURCES / "emoji" / "listing.csv"), "channels": 3},
}


def sharded(name: str, resolution: int, dataset: str = "") -> Dataset:
    """A collection at this resolution, as PNG; `dataset` is the name, if not the collection's."""
    _FETCH[name](SOURCES / name)
    config = ShardConfig(dataset=dataset or name, resolution=resolution, encoding="png", **_SETTINGS[name])
    return Dataset.open(build(config, HOME).manifest)


def channels(name: str) -> int:
    """1 for grey, 3 for colour."""
    return int(_SETTINGS[name]["channels"])
