"""The gate: which images of a batch the networks get to see as real."""

from typing import NamedTuple

import torch

from models.compute.draws import Draws
from models.shield.shield import Shield, Teachers, pick

__all__ = ["Admitted", "admit"]


class Admitted(NamedTuple):
    """A batch of which every image may count as real, and what there is to tell about it."""

    images: torch.Tensor
    labels: torch.Tensor
    statistics: dict[str, torch.Tensor]


def admit(
    shield: Shield, teachers: Teachers, images: torch.Tensor, labels: torch.Tensor, *, nimg: int, batch_size: int
) -> Admitted:
    """Put an admitted image of this share, with its label, in the place of each that is not; teach the head if due.

    So every loss, pair, penalty and batch statistic is of admitted images alone, whatever the family, and each of them
    is as likely as another to count twice. Where none is admitted, trusted images take their places.
    """
    if shield.is_due(nimg, batch_size):
        shield.learn(teachers, nimg)
    admitted = shield.admit(images)
    share = admitted.float().mean()
    draws = Draws((shield.seed, nimg, 9), images.device, len(images))
    if admitted.all():
        stand_ins = images, labels
    elif admitted.any():
        places = pick(admitted.nonzero()[:, 0], draws)
        stand_ins = images[places], labels[places]
    else:
        places = pick(torch.arange(len(shield.lessons.images), device=images.device), draws)
        stand_ins = shield.lessons.images[places], shield.lessons.classes[places].to(labels.dtype)
    statistics = {"shield_dropped": 1 - share, "shield_threshold": shield.threshold}
    return Admitted(
        torch.where(admitted[:, None, None, None], images, stand_ins[0]),
        torch.where(admitted, labels, stand_ins[1]),
        statistics,
    )
