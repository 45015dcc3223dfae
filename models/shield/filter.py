"""Filters suspicious images out of each training batch."""

from typing import NamedTuple

import torch

from models.compute.draws import Draws
from models.shield.shield import ReferenceNetworks, Shield


class FilteredBatch(NamedTuple):
    """A batch in which every image counts as real, and the statistics of the filter."""

    images: torch.Tensor
    labels: torch.Tensor
    statistics: dict[str, torch.Tensor]


def filter_batch(
    shield: Shield,
    references: ReferenceNetworks,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    nimg: int,
    batch_size: int,
) -> FilteredBatch:
    """Replace each suspicious image by a random accepted one of this share, label included. Train the head if due.

    All losses, pairs, penalties and batch statistics are then computed from accepted images alone, in every family.
    Each accepted image is equally likely to appear twice. If none is accepted, trusted images replace all.
    """
    if shield.is_due(nimg, batch_size):
        shield.train_head(references, nimg)
    accepted = shield.accepts(images)
    share = accepted.float().mean()
    chance = Draws((shield.seed, nimg, 9), images.device, len(images)).uniform(0, 1)
    # Without a branch on the number of accepted images: reading it would make the step wait for a GPU.
    count = accepted.sum()
    accepted_first = accepted.logical_not().to(torch.uint8).argsort(stable=True)
    places = accepted_first[(chance * count).long().minimum((count - 1).clamp(min=0))]
    trusted = shield.training_part
    known = (chance * len(trusted.images)).long().clamp(max=len(trusted.images) - 1)
    is_any = count > 0
    substitutes = (
        torch.where(is_any, images[places], trusted.images[known]),
        torch.where(is_any, labels[places], trusted.classes[known].to(labels.dtype)),
    )
    statistics = {"shield_dropped": 1 - share, "shield_threshold": shield.threshold}
    return FilteredBatch(
        torch.where(accepted[:, None, None, None], images, substitutes[0]),
        torch.where(accepted, labels, substitutes[1]),
        statistics,
    )
