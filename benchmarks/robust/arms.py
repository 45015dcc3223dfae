"""What is compared: plain, known and learned on JPEGs, and plain and learned on the clean images, three seeds each.

`known0` is `known` without the consistency loss: what that loss does.
"""

from typing import Any, NamedTuple

from benchmarks.collections.sharded import NAMES
from benchmarks.families.contenders import settings_of
from benchmarks.robust import collections
from models.training.config import TrainConfig
from shards import Dataset

NIMG = {"digits": 50_000, "emoji": 100_000}
LONG_NIMG = 200_000  # of digits, with one seed: how far does it go?
WIDTH = 32
QUALITIES = (15, 30)
SEEDS = (0, 1, 2)
CHECKPOINTS = 4


class Arm(NamedTuple):
    """One training; quality 0 stands for the clean images, mode `known0` for `known` with `consistency=0`."""

    collection: str
    quality: int
    mode: str
    seed: int
    config: TrainConfig

    @property
    def kind(self) -> str:
        """The arm without its seed."""
        long = "-long" if self.config.nimg == LONG_NIMG else ""
        return f"{self.collection}-{f'q{self.quality}' if self.quality else 'clean'}-{self.mode}{long}"

    @property
    def slug(self) -> str:
        return f"{self.kind}-{self.config.family}-{self.seed}"

    def dataset(self) -> Dataset:
        """What it is trained on; made if it is not there."""
        if not self.quality:
            return collections.clean(self.collection)
        return collections.compressed(self.collection, self.quality, as_png=self.mode == "learned")


def arms() -> list[Arm]:
    """Every training, in an order whose every beginning says something: all arms with one seed come first."""
    kinds = [(quality, mode) for quality in QUALITIES for mode in ("off", "known")]
    kinds += [(0, "off"), *((quality, mode) for mode in ("learned", "known0") for quality in QUALITIES), (0, "learned")]
    long = [arm("digits", *kind, 0, LONG_NIMG) for kind in ((15, "off"), (15, "known"), (0, "off"))]
    return [arm(collection, *kind, seed) for seed in SEEDS for collection in NAMES for kind in kinds] + long


def arm(collection: str, quality: int, mode: str, seed: int, nimg: int = 0, **changes: Any) -> Arm:
    """One training of dcgan, set as in benchmarks/families."""
    nimg = nimg or NIMG[collection]
    common = {
        "nimg": nimg,
        "width": WIDTH,
        "seed": seed,
        "compression": mode.removesuffix("0"),
        **({"consistency": 0} if mode == "known0" else {}),
        "health": {"score_ticks": 0},
        "tick_nimg": nimg // 20,
        "checkpoint_ticks": 20 // CHECKPOINTS,
        "keep_checkpoints": 100,
        "compute": {"threads": 1},
    }
    settings = {**settings_of(collection, "dcgan"), **common, **changes}
    return Arm(collection, quality, mode, seed, TrainConfig.model_validate(settings))
