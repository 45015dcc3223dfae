"""The objective of r3: a relativistic loss on paired logits, and two gradient penalties (Huang et al. 2024, R3GAN).

The discriminator and the generator are trained on one batch (the paper's code draws one for each), so that images seen
are counted once. The penalties are taken with respect to the images before augmentation; gradients pass through it.
Both are taken with respect to compressed images: R1 keeps the discriminator flat around real JPEGs, R2 around the
images compared with them. With respect to uncompressed generated images, R2 would weight directions by the surrogate
gradient of rounding, which the discriminator never sees.
"""

import torch

from models.compute.convolution import closed_convolutions
from models.objectives.batch import Batch, Losses, Networks
from models.objectives.losses import gradient_penalty, relativistic_loss


def discriminate(state: Networks, batch: Batch) -> Losses:
    """The discriminator's relativistic loss and both penalties."""
    real, shown = batch.real.detach().requires_grad_(), batch.fake(state).shown.detach().requires_grad_()
    with closed_convolutions(real.device):
        real_logits = state.discriminator(batch.augment(real), batch.classes)
        fake_logits = state.discriminator(batch.augment(shown), batch.classes)
    r1, r2 = gradient_penalty(real_logits, real), gradient_penalty(fake_logits, shown)
    loss = relativistic_loss(real_logits, fake_logits)
    # Only differences of these logits have a meaning, also for the measure of overfitting.
    lead = real_logits - fake_logits
    statistics = {
        "loss_d": loss,
        "logit_real": real_logits.mean(),
        "logit_fake": fake_logits.mean(),
        "accuracy_pairs": (lead > 0).float().mean(),
        "sign_real": lead.sign().mean(),
        "penalty_real": r1,
        "penalty_fake": r2,
    }
    return Losses({"discriminator": loss + batch.gamma / 2 * (r1 + r2)}, statistics)


def generate(state: Networks, batch: Batch) -> Losses:
    """The generator's relativistic loss on the same latents, with the updated discriminator."""
    with torch.no_grad():
        rivals = state.discriminator(batch.augment(batch.real), batch.classes)
    fake = batch.fake(state)
    loss = relativistic_loss(state.discriminator(batch.augment(fake.shown), batch.classes), rivals)
    return Losses({"generator": loss + batch.drift(fake)}, {"loss_g": loss})


PHASES = (discriminate, generate)
