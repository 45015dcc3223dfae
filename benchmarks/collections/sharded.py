"""Collections as dataset versions under ./.shardgan, fetched and built where they are not there yet."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.collections import digits, emoji, landscapes, photos, stamps
from shards import Dataset, ShardConfig

HOME = Path(".shardgan")
SOURCES = HOME / "sources"
NAMES = ("digits", "emoji")  # those of most benchmarks


class Collection(NamedTuple):
    """How a collection is fetched into a folder, and how it is sharded; the side is that for comparing families."""

    fetch: Callable[[Path], None]
    resolution: int
    settings: dict[str, Any]


def _copy_tiles(folder: Path) -> None:
    if not folder.exists():
        shutil.copytree(photos.tiles(), folder)


# Scores need some hundred images in the val split, so it gets a larger share of a small collection.
COLLECTIONS = {
    "digits": Collection(digits.main, 32, {"channels": 1}),
    "emoji": Collection(emoji.main, 64, {"channels": 3}),
    "stamps": Collection(stamps.main, 64, {"channels": 3, "val_fraction": 0.3, "shape": "fit"}),
    "landscapes": Collection(landscapes.main, 128, {"channels": 3, "val_fraction": 0.3, "labels": "none"}),
    "tiles": Collection(_copy_tiles, 64, {"channels": 3, "val_fraction": 0.2, "labels": "none"}),
}
_LISTINGS = {"emoji": "listing.csv"}


def sharded(name: str, resolution: int, dataset: str = "", home: Path = HOME, encoding: str = "png") -> Dataset:
    """A collection at this resolution, under `home`; `dataset` is the name, if not the collection's."""
    from shards import build  # reading a prebuilt collection needs fewer packages than building one

    COLLECTIONS[name].fetch(SOURCES / name)
    source = SOURCES / name / _LISTINGS.get(name, "")
    settings = {"source": str(source), **COLLECTIONS[name].settings}
    config = ShardConfig(dataset=dataset or name, resolution=resolution, encoding=encoding, **settings)
    return Dataset.open(build(config, home).manifest)


def channels(name: str) -> int:
    """1 for grey, 3 for colour."""
    return int(COLLECTIONS[name].settings["channels"])
