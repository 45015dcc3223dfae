"""What is compared: three ways to compute r3's gradient penalties, and none, on two collections with three seeds."""

from typing import Any, NamedTuple

from benchmarks.collections.sharded import NAMES
from models.training.config import TrainConfig

WAYS: dict[str, dict[str, Any]] = {
    "exact": {},
    "lazy": {"penalty": {"every": 4}},
    "differences": {"penalty": {"method": "differences"}},
    # Shows whether the penalties matter at this length. Where they do not, no way can be worse than another.
    "none": {"gamma": 0, "penalty": {"every": 64}},
}
TITLES = {
    "exact": "exact, every step",
    "lazy": "exact, each 4th step",
    "differences": "finite differences",
    "none": "none (gamma 0)",
}
SEEDS = (0, 1, 2)
TICK_NIMG = 800
# r3-tiny at its initial values, a quarter as wide. Nothing is scheduled: a checkpoint at n images is then the end of a
# training of n images, so trainings can be lengthened, and compared at equal time.
_SETTINGS: dict[str, Any] = {
    "preset": "r3-tiny",
    "width": 8,
    "ema_half_life_nimg": 1000,
    "schedule": {"kind": "constant"},
    "augment": {"policy": "fixed", "strength": 0.15},
    "health": {"score_ticks": 0},
    "tick_nimg": TICK_NIMG,
    "checkpoint_ticks": 1,
    "keep_checkpoints": 100,
    "compute": {"device": "cpu", "threads": 1},
}


class Arm(NamedTuple):
    """One training of the comparison."""

    collection: str
    way: str
    seed: int

    @property
    def slug(self) -> str:
        return f"{self.collection}-{self.way}-{self.seed}"

    def config(self, nimg: int) -> TrainConfig:
        """The settings of this training, up to `nimg` images."""
        return TrainConfig.model_validate(
            {**_SETTINGS, "nimg": nimg, "seed": self.seed, **WAYS[self.way]},
        )


def arms() -> list[Arm]:
    """Every training. All of one seed come before those of the next, so that each part of the list says something."""
    return [Arm(collection, way, seed) for seed in SEEDS for collection in NAMES for way in WAYS]
