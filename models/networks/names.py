"""The families of networks and the sides of their images, by name alone. Imports no torch."""

from typing import Literal

FamilyName = Literal["dcgan", "r3", "vae", "vaegan"]
# As in each family's file, which stands alone because it is copied beside the weights; a test holds the two together.
RESOLUTIONS = (16, 24, 32, 48, 64, 96, 128, 192, 256)


def check_resolution(resolution: int) -> None:
    """Raise ValueError where no family's networks can make images of this side."""
    if resolution not in RESOLUTIONS:
        raise ValueError(f"resolution {resolution} is not possible: use {', '.join(map(str, RESOLUTIONS))}")
