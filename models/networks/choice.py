"""The rule of `train.family=auto`: a table whose first fitting row gives the family. Imports no torch.

Change the numbers here when there are new measurements, and name them in `evidence`. docs/training.md shows the table.
"""

import math
from typing import Literal, NamedTuple

from models.networks.names import FamilyName
from models.networks.presets import PresetName

Device = Literal["cpu", "cuda"]


class Facts(NamedTuple):
    """What the rule looks at: the training images, how many of them are shown, and where the training runs."""

    num_images: int
    channels: int
    resolution: int
    nimg: int
    device: Device
    image_width: int = 0  # of images that are not square

    @property
    def longer(self) -> int:
        """The longer side of an image in pixels."""
        return max(self.resolution, self.image_width)

    def words(self) -> str:
        """The facts in words: "3,381 colour images of 64x64, 100,000 images to see, on a CPU"."""
        kind = "colour" if self.channels == 3 else "grey"
        where = "a GPU" if self.device == "cuda" else "a CPU"
        side = f"{self.image_width or self.resolution}x{self.resolution}"
        return f"{self.num_images:,} {kind} images of {side}, {self.nimg:,} images to see, on {where}"


class Row(NamedTuple):
    """One row of the rule: conditions that must all hold, the family and preset, and what the choice rests on."""

    family: FamilyName
    evidence: str
    least_images: int = 0
    most_images: float = math.inf
    channels: tuple[int, ...] = (1, 3)
    most_resolution: float = math.inf
    least_nimg: int = 0
    devices: tuple[Device, ...] = ("cpu", "cuda")
    preset: PresetName = "auto"

    def fits(self, facts: Facts) -> bool:
        """Whether every condition holds."""
        return (
            self.least_images <= facts.num_images <= self.most_images
            and facts.channels in self.channels
            and facts.longer <= self.most_resolution
            and facts.nimg >= self.least_nimg
            and facts.device in self.devices
        )

    def words(self) -> str:
        """The conditions in words."""
        said = [
            *(["colour" if self.channels == (3,) else "grey"] if len(self.channels) == 1 else []),
            *([f"at least {self.least_images:,} training images"] if self.least_images else []),
            *([f"at most {self.most_images:,} training images"] if self.most_images < math.inf else []),
            *([f"at most {self.most_resolution} pixels"] if self.most_resolution < math.inf else []),
            *([f"at least {self.least_nimg:,} images to see"] if self.least_nimg else []),
            *([f"on a {'GPU' if self.devices == ('cuda',) else 'CPU'}"] if len(self.devices) == 1 else []),
        ]
        return ", ".join(said) or "everything else"


RULE = (
    Row(
        "r3",
        "published scores on large sets after millions of images (Huang et al. 2024); not measured here",
        least_images=50_000,
        least_nimg=5_000_000,
        devices=("cuda",),
    ),
    Row(
        "projected",
        "lower FD-MobileNetV2 than dcgan in the same 40 s: 477 against 537 on 3,381 emoji of 64x64, 395 against 585 on "
        "352 landscapes of 128x128; equal on 551 stamps. With this preset, 218 after five minutes on the emoji "
        "(benchmarks/results/families.md)",
        most_images=10_000,
        channels=(3,),
        devices=("cuda",),
        preset="projected-gpu",
    ),
    Row(
        "dcgan",
        "colour on a CPU: as good as projected in the same time, FD-MobileNetV2 357 and 378 on wallpaper tiles after "
        "330 s, and its images come ten times as fast; digits: 58 after 40 s on a GPU, projected 67 "
        "(benchmarks/results/families.md)",
    ),
)


class Choice(NamedTuple):
    """The family, the reason as a sentence, and the preset that goes with it."""

    family: FamilyName
    why: str
    preset: PresetName = "auto"


def choose(facts: Facts) -> Choice:
    """The family of the first row that fits. The last row of the rule fits everything."""
    row = next(row for row in RULE if row.fits(facts))
    name = row.family if row.preset == "auto" else f"{row.family} with preset {row.preset}"
    return Choice(row.family, f"{name} for {facts.words()} ({row.words()}): {row.evidence}", row.preset)


def describe_rule() -> str:
    """The whole rule in one line, for a plan that does not know the number of images yet."""
    return "; ".join(f"{row.family} for {row.words()}" for row in RULE)
