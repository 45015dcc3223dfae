"""Rules for settings that depend on the size of the images: the weight of gradient penalties, and the batch.

Imports no torch. No rule was measured beyond 64x64 pixels here: they join published settings.
"""

import math
from typing import NamedTuple


class Published(NamedTuple):
    """Gamma and batch size that were published for images of so many pixels."""

    pixels: int
    gamma: float
    batch_size: int


# R3GAN (Huang et al. 2024): CIFAR-10, FFHQ-64 and FFHQ-256.
R3 = (Published(32**2, 0.05, 512), Published(64**2, 2.0, 256), Published(256**2, 150.0, 256))

TRIED = 4  # StyleGAN3's authors advise to try up to 4 times more and less


def gamma_for(pixels: int, batch_size: int) -> float:
    """The initial weight of R1 and R2 for family r3, for images of `pixels` pixels; the final one is a tenth of it.

    Between published sizes it is interpolated (log gamma over log pixels). Beyond them it is proportional to the pixels
    (StyleGAN3's configurations: 4 times as much for twice the side). It is inversely proportional to the batch size
    (Karras et al. 2020, StyleGAN2-ADA: 0.0002 * pixels / batch).
    """
    below = max((one for one in R3 if one.pixels <= pixels), default=R3[0])
    above = min((one for one in R3 if one.pixels > pixels), default=R3[-1])
    gamma, reference = below.gamma, below.batch_size
    if below is above or pixels < below.pixels:
        gamma *= pixels / below.pixels
    else:
        share = math.log(pixels / below.pixels) / math.log(above.pixels / below.pixels)
        gamma *= (above.gamma / below.gamma) ** share
        reference = round(below.batch_size * (above.batch_size / below.batch_size) ** share)
    return gamma * reference / batch_size


def batch_for(pixels: int) -> int:
    """The published batch size for family r3: 512 up to 32x32 pixels, 256 beyond. What fits is computed at once."""
    return R3[0].batch_size if pixels <= R3[0].pixels else R3[1].batch_size


def advise_gamma(gamma: float, pixels: int, batch_size: int) -> str:
    """A sentence if `gamma` differs from the rule's value by more than a factor of TRIED; empty else."""
    wanted = gamma_for(pixels, batch_size)
    if wanted / TRIED <= gamma <= wanted * TRIED:
        return ""
    return (
        f"train.gamma is {gamma:g}, but published settings give about {_rounded(wanted)} for this size at batch "
        f"{batch_size}: take the preset of the nearest resolution, and set train.gamma={_rounded(wanted)} "
        f"train.schedule.gamma={_rounded(wanted / 10)}"
    )


def _rounded(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}"
