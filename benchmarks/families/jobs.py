"""What is trained side by side: each family on each collection with several seeds, and long trainings of one's own.

All schedules are constant, so that the generator at n images is that of a training of n images.
"""

import json
from typing import Any, NamedTuple

from benchmarks.collections.sharded import COLLECTIONS
from benchmarks.families.contenders import settings_of
from models.training.config import TrainConfig

FAMILIES = ("dcgan", "r3-tiny", "projected")
FLIPPED = ("emoji", "stamps", "landscapes", "tiles")  # collections that may be mirrored
LARGEST_POINT = 10**9
# On a GPU, a step of a small network takes about as long with 64 images as with 16, and wider networks cost little.
_LARGE_BATCH = {"batch_size": 64, "ema_half_life_nimg": 10_000}
ON_GPU: dict[str, dict[str, Any]] = {
    "dcgan": {**_LARGE_BATCH, "width": 64},
    "r3-tiny": {**_LARGE_BATCH, "learning_rate": 1e-3},  # between both ends of what its preset schedules
    "projected": {**_LARGE_BATCH, "width": 64},
}
# Other ways to the gradient penalties of r3-tiny, which are compared on two collections.
PENALTIES = {
    "r3-tiny-lazy": {"penalty": {"every": 4}},
    "r3-tiny-differences": {"penalty": {"method": "differences"}},
}
PENALTIES_ON = ("digits", "emoji")


class Job(NamedTuple):
    """One training. `is_long` ones run beside all others, until the time is over."""

    collection: str
    family: str
    seed: int
    config: TrainConfig
    is_long: bool = False

    @property
    def slug(self) -> str:
        return f"{self.collection}-{self.family}-{self.seed}"


def job(collection: str, family: str, seed: int, device: str) -> Job:
    """One training of the comparison, with the settings of benchmarks/families/contenders.py."""
    base = "r3-tiny" if family in PENALTIES else family
    found = settings_of("digits" if collection == "digits" else "emoji", base)
    mirrored = {"flip": True} if collection in FLIPPED else {}
    settings: dict[str, Any] = {**found, "augment": {**found.get("augment", {}), **mirrored}}
    if base == "r3-tiny":  # the mean of the strength that its preset schedules
        settings |= {"schedule": {"kind": "constant"}}
        settings["augment"] |= {"policy": "fixed", "strength": 0.15}
    if device == "cuda":
        settings.update(ON_GPU[base])
    settings.update(PENALTIES.get(family, {}))
    return Job(collection, family, seed, _config(settings, seed, device))


def long_job(text: str, device: str) -> Job:
    """A long training from `NAME=JSON`: settings of train, and `collection`."""
    name, _, given = text.partition("=")
    settings = json.loads(given)
    collection = settings.pop("collection", "emoji")
    if collection not in COLLECTIONS:
        raise ValueError(f"collection {collection!r} of {name} is unknown: use one of {', '.join(COLLECTIONS)}")
    return Job(collection, name, settings.get("seed", 0), _config(settings, 0, device), is_long=True)


def _config(settings: dict[str, Any], seed: int, device: str) -> TrainConfig:
    compute = {"device": device, "threads": 1, "processes": 1, **settings.get("compute", {})}
    fixed = {"nimg": LARGEST_POINT, "health": {"score_ticks": 0}, "compute": compute}
    return TrainConfig.model_validate({"seed": seed, **settings, **fixed})


def grid_point(nimg: int) -> int:
    """The largest of 1,000, 2,000, 5,000, 10,000, ... that `nimg` has reached; 0 below 1,000."""
    reached = 0
    for exponent in range(3, 10):
        for factor in (1, 2, 5):
            point = factor * 10**exponent
            reached = point if point <= nimg else reached
    return reached
