"""What each family's training step does to its networks: the phases in `OBJECTIVES[family]`, one after the other.

A phase takes the state and a batch and gives a loss for each network that learns in it; all of those go down their
losses before the next phase begins. Statistics are `loss_d` and `loss_g` where there is a discriminator and a
generator loss, and what else is worth a curve. Learning rates, the average and the augmentation's strength are the
loop's business.
"""

from models.objectives import autoencoding, non_saturating, relativistic, variational
from models.objectives.batch import Batch, Losses, Phase

__all__ = ["OBJECTIVES", "Batch", "Losses", "Phase"]

OBJECTIVES: dict[str, tuple[Phase, ...]] = {
    "dcgan": non_saturating.PHASES,
    "r3": relativistic.PHASES,
    "vae": variational.PHASES,
    "vaegan": autoencoding.PHASES,
}
