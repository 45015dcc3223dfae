"""The losses of each family, as phases: `OBJECTIVES[family]` lists the phases of one training step in order.

A phase takes the state and a batch, and returns a loss for each network that it trains. All of these networks take
their step before the next phase begins. Statistics include `loss_d` and `loss_g` where there is a discriminator and a
generator loss. The training loop controls learning rates, the averaged generator and the augmentation strength. May
import compute, networks, compression, models.grids and models.errors.
"""

from models.objectives import autoencoding, non_saturating, projected, relativistic, variational
from models.objectives.batch import Batch, Losses, Penalties, Phase

__all__ = ["OBJECTIVES", "Batch", "Losses", "Penalties", "Phase"]

OBJECTIVES: dict[str, tuple[Phase, ...]] = {
    "dcgan": non_saturating.PHASES,
    "r3": relativistic.PHASES,
    "vae": variational.PHASES,
    "vaegan": autoencoding.PHASES,
    "projected": projected.PHASES,
}
