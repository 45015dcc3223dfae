"""The names of the families of networks, and the possible sides of their images. Imports no torch."""

from typing import Literal

FamilyName = Literal["dcgan", "r3", "vae", "vaegan"]
# 4 or 6 times a power of two: the networks double or halve the side of their feature maps.
RESOLUTIONS = (16, 24, 32, 48, 64, 96, 128, 192, 256)


def check_resolution(resolution: int) -> None:
    """Raise ValueError for a side that no family can make."""
    if resolution not in RESOLUTIONS:
        raise ValueError(f"resolution {resolution} is not possible: use {', '.join(map(str, RESOLUTIONS))}")
