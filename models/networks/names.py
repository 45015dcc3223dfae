"""The names of the families of networks, and the possible sides of their images. Imports no torch."""

from typing import Literal

FamilyName = Literal["dcgan", "r3", "vae", "vaegan", "projected"]
FamilyChoice = Literal["auto", "dcgan", "r3", "vae", "vaegan", "projected"]  # auto: see models/networks/choice.py
# Families whose discriminator sees the features of a frozen net, with that net's name in models/features/nets.py.
# Such a training improves every score in these features, so the promotion rule refuses scores of the same net.
DISCRIMINATOR_NETS: dict[FamilyChoice, str] = {"projected": "efficientnet-lite0"}
# 4 or 6 times a power of two: the networks double or halve the side of their feature maps.
RESOLUTIONS = (16, 24, 32, 48, 64, 96, 128, 192, 256)


def check_resolution(resolution: int) -> None:
    """Raise ValueError for a side that no family can make."""
    if resolution not in RESOLUTIONS:
        raise ValueError(f"resolution {resolution} is not possible: use {', '.join(map(str, RESOLUTIONS))}")
