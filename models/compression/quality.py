"""Estimates from pixels how an image was compressed, for images without their original file (Fan & de Queiroz 2003).

A decoded JPEG that was neither scaled nor cropped does not change when it is compressed again in the same way: its DCT
coefficients are multiples of the quantisation steps. Among all qualities with this property, the coarsest is the likely
one.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F

from models.compression.jpeg import BLOCK, Sampling, compress, constant, transformed

QUALITIES = tuple(range(1, 101))
SAMPLINGS = (Sampling(1, 1), Sampling(2, 2))
UNCHANGED = 0.15  # mean squared difference, in levels of 255, up to which a block counts as unchanged
CHROMA_CHANGE = 0.75  # even in 4:2:0, compressing chroma again changes it a little: smaller differences say little
# Logarithm of the share of images without any unchanged block at their true quality. Clipping at black and white
# changes most blocks: of the blocks of digits and emoji that are not flat, 10 to 25 % are unchanged; at other
# qualities, none.
MISSED = math.log(0.4)
# The same for images that change at least 0.9 times as much as rounding would change values that were never quantised.
# At the true quality the factor is about 0.1.
FOREIGN, FOREIGN_CHANGE = math.log(0.01), 0.9
CPU = torch.device("cpu")
FINE = 97  # from this quality on, compression cannot be recognised
LUMA = (0.299, 0.587, 0.114)

# Annex K of ITU-T T.81: luminance, then chrominance. Nearly every encoder scales these tables by its quality setting.
_STANDARD = (
    (
        (16, 11, 10, 16, 24, 40, 51, 61),
        (12, 12, 14, 19, 26, 58, 60, 55),
        (14, 13, 16, 24, 40, 57, 69, 56),
        (14, 17, 22, 29, 51, 87, 80, 62),
        (18, 22, 37, 56, 68, 109, 103, 77),
        (24, 35, 55, 64, 81, 104, 113, 92),
        (49, 64, 78, 87, 103, 121, 120, 101),
        (72, 92, 95, 98, 112, 100, 103, 99),
    ),
    (
        (17, 18, 24, 47, 99, 99, 99, 99),
        (18, 21, 26, 66, 99, 99, 99, 99),
        (24, 26, 56, 99, 99, 99, 99, 99),
        (47, 66, 99, 99, 99, 99, 99, 99),
        (99, 99, 99, 99, 99, 99, 99, 99),
        (99, 99, 99, 99, 99, 99, 99, 99),
        (99, 99, 99, 99, 99, 99, 99, 99),
        (99, 99, 99, 99, 99, 99, 99, 99),
    ),
)


class Evidence(NamedTuple):
    """`log_likelihood` (N, samplings, qualities) of each encoding; `is_telling` (N,): 1 for an image with evidence."""

    log_likelihood: torch.Tensor
    is_telling: torch.Tensor


@cache
def standard_tables(device: torch.device = CPU) -> torch.Tensor:
    """libjpeg's quantisation tables of Y, Cb and Cr for each of `QUALITIES`: (100, 3, 8, 8), the same at every call."""
    if device != CPU:
        return standard_tables().to(device)
    base = torch.tensor(_STANDARD)[[0, 1, 1]]
    scales = [5000 // quality if quality < 50 else 200 - 2 * quality for quality in QUALITIES]
    return torch.stack([((base * scale + 50) // 100).clamp(1, 255) for scale in scales]).float()


@torch.no_grad()
def find_encodings(images: torch.Tensor, samplings: Sequence[Sampling]) -> Evidence:
    """The likelihood of each standard encoding for each of `images` (N, C, H, W) in [-1, 1].

    The evidence from luma is the blocks that an encoding leaves unchanged: the larger the steps, and the more
    coefficients are not zero, the less likely that is by chance. Qualities from `FINE` on cannot be recognised.
    """
    tables = standard_tables(images.device)
    luma = _luma(images)
    coefficients = transformed(luma * 127.5 - 0.5)
    found = [_score(luma, coefficients, table[:1]) for table in tables[: FINE - 1]]
    scores, missed = (torch.stack(one, dim=1) for one in zip(*found, strict=True))
    chroma = _sampling_scores(images, tables[scores.argmax(dim=1)], samplings)
    # Without evidence from luma the quality is unknown, so chroma gives no evidence either.
    chroma = chroma * (scores.amax(dim=1, keepdim=True) > 0)
    scores = F.pad(torch.where(scores > 0, scores, missed), (0, len(QUALITIES) - scores.shape[1]))
    coefficients[:, :, ::BLOCK, ::BLOCK].zero_()
    is_flat = coefficients.abs().amax(dim=(1, 2, 3)) < 1
    return Evidence(chroma[:, :, None] + scores[:, None, :], (~is_flat).float())


def _luma(images: torch.Tensor) -> torch.Tensor:
    """Luma (N, 1, H', W') in [-1, 1], without incomplete blocks at the edge."""
    height, width = (side // BLOCK * BLOCK for side in images.shape[2:])
    images = images[:, :, :height, :width]
    if images.shape[1] == 1:
        return images
    weights = constant(LUMA, images.device)[None, :, None, None]
    return (images * weights).sum(dim=1, keepdim=True)


def _score(luma: torch.Tensor, coefficients: torch.Tensor, table: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Log likelihood (N,) of one luminance table (1, 8, 8), and its value if no block is unchanged."""
    again = compress(luma, table.expand(len(luma), 3, BLOCK, BLOCK), (Sampling(1, 1),))
    change = F.avg_pool2d(((again - luma) * 127.5).square(), BLOCK)
    steps = table.repeat(1, coefficients.shape[2] // BLOCK, coefficients.shape[3] // BLOCK)
    levels = ((coefficients / steps).abs() > 0.5).float()
    # The mean of a block is not used: it is a multiple of its step by chance too often.
    levels[:, :, ::BLOCK, ::BLOCK].zero_()
    number = F.avg_pool2d(levels, BLOCK) * BLOCK**2
    by_chance = F.avg_pool2d(levels * steps.square() / 12, BLOCK)
    # The probability that an error lies in a ball of the size of UNCHANGED, as if all possible errors filled a ball.
    speaks = 0.5 * number * (by_chance / UNCHANGED).clamp(min=1).log()
    by_rounding = torch.minimum(steps.square() / 12, coefficients.square()).mean(dim=(1, 2, 3))
    is_foreign = change.mean(dim=(1, 2, 3)) > FOREIGN_CHANGE * by_rounding
    return (speaks * (change < UNCHANGED)).sum(dim=(1, 2, 3)), torch.where(is_foreign, FOREIGN, MISSED)


def _sampling_scores(images: torch.Tensor, tables: torch.Tensor, samplings: Sequence[Sampling]) -> torch.Tensor:
    """Log likelihood (N, samplings): how much more each changes the image than the one that changes it least."""
    if len(samplings) == 1:
        return torch.zeros(len(images), 1, device=images.device)
    again = [compress(images, tables, (sampling,)) for sampling in samplings]
    changes = torch.stack([((one - images) * 127.5).square().mean(dim=(1, 2, 3)) for one in again], dim=1)
    return -(changes - changes.amin(dim=1, keepdim=True)) / CHROMA_CHANGE
