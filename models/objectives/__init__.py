"""What each family's training step does to its networks: `OBJECTIVES[family](state, batch)` gives statistics.

An objective makes one descent of each network it trains, through `TrainState.descend`, and returns means over the
batch as 0-dimensional tensors: `loss_d` and `loss_g` where it has a discriminator and a generator loss, and what else
is worth a curve. Learning rates, the average and the augmentation's strength are the loop's business.
"""

from collections.abc import Callable

import torch

from models.objectives import autoencoding, non_saturating, relativistic, variational
from models.objectives.batch import Batch
from models.state import TrainState

__all__ = ["OBJECTIVES", "Batch", "Objective"]

Objective = Callable[[TrainState, Batch], dict[str, torch.Tensor]]
OBJECTIVES: dict[str, Objective] = {
    "dcgan": non_saturating.step,
    "r3": relativistic.step,
    "vae": variational.step,
    "vaegan": autoencoding.step,
}
