"""Duplicate flooding: one picture sent many times, saved anew each time so that no two files are equal."""

from typing import NamedTuple

import torch
import torch.nn.functional as F

from models.compute.draws import Draws
from models.shield.recompression import recompress

SIDE = 16  # pixels a side at which images are compared
BLOCK = 1024


class Lookalikes(NamedTuple):
    """For each image: the number of other images near it, and the index of the first image near it or equal to it."""

    counts: torch.Tensor
    first: torch.Tensor


def count_lookalikes(images: torch.Tensor, distance: float) -> Lookalikes:
    """Count which of the float `images` (N, C, H, W) lie within `distance` of each other; both results are int64 (N,).

    The distance is the root mean square difference over pixels and channels, at 16 pixels a side. The time grows with
    N squared: seconds for 10,000 images.
    """
    flat = _small(images)
    reach = distance * flat.shape[1] ** 0.5
    counts, first = [], []
    for part in torch.split(flat, BLOCK):
        near = torch.cdist(part, flat) <= reach
        counts.append(near.sum(dim=1) - 1)
        first.append(near.int().argmax(dim=1))
    return Lookalikes(torch.cat(counts), torch.cat(first))


def recompression_distance(images: torch.Tensor, draws: Draws, share: float = 0.99) -> float:
    """The distance by which JPEG of quality 40 or more moves at most this share of `images`.

    Two images that lie nearer to each other may be copies of one picture.
    """
    moved = (_small(images) - _small(recompress(images, draws))).square().mean(dim=1).sqrt()
    return float(torch.quantile(moved, share))


def _small(images: torch.Tensor) -> torch.Tensor:
    side = min(images.shape[-1], SIDE)
    return F.interpolate(images, (side, side), mode="area").flatten(1)
