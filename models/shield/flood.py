"""Floods: one image sent in many times, saved anew each time so that no two files are the same."""

from typing import NamedTuple

import torch
import torch.nn.functional as F

from models.compute.draws import Draws
from models.shield.laundering import launder

__all__ = ["Lookalikes", "count_lookalikes", "laundering_distance"]

SIDE = 16  # pixels a side at which pictures are held against each other
BLOCK = 1024


class Lookalikes(NamedTuple):
    """For each image, how many others lie near it, and the number of the first image that does, itself included."""

    counts: torch.Tensor
    first: torch.Tensor


def count_lookalikes(images: torch.Tensor, distance: float) -> Lookalikes:
    """Which of the float `images` (N, C, H, W) lie within `distance` of each other: both int64 (N,).

    The distance is the root mean square over pixels and channels of the difference, both images at 16 pixels a side.
    The time grows with N squared: seconds for 10,000.
    """
    flat = _small(images)
    reach = distance * flat.shape[1] ** 0.5
    counts, first = [], []
    for part in torch.split(flat, BLOCK):
        near = torch.cdist(part, flat) <= reach
        counts.append(near.sum(dim=1) - 1)
        first.append(near.int().argmax(dim=1))
    return Lookalikes(torch.cat(counts), torch.cat(first))


def laundering_distance(images: torch.Tensor, draws: Draws, share: float = 0.99) -> float:
    """How far JPEG of quality 40 or more moves this share of `images`: what lies nearer may be the same picture."""
    moved = (_small(images) - _small(launder(images, draws))).square().mean(dim=1).sqrt()
    return float(torch.quantile(moved, share))


def _small(images: torch.Tensor) -> torch.Tensor:
    side = min(images.shape[-1], SIDE)
    return F.interpolate(images, (side, side), mode="area").flatten(1)
