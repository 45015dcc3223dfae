"""Paired logits and two gradient penalties at every step (Huang et al. 2024, R3GAN).

One batch serves the discriminator and the generator (the paper's code draws one for each), so that images seen are
counted once. The penalties are on the images before augmentation: gradients pass through it.
"""

import torch

from models.losses import gradient_penalty, relativistic_loss
from models.objectives.batch import Batch
from models.state import TrainState


def step(state: TrainState, batch: Batch) -> dict[str, torch.Tensor]:
    """One update of the discriminator, then one of the generator on the same latents."""
    fake = state.generator(batch.latents(state.spec.latent_dim), batch.classes)
    real, shown = batch.real.detach().requires_grad_(), fake.detach().requires_grad_()
    real_logits = state.discriminator(batch.augment(real), batch.classes)
    fake_logits = state.discriminator(batch.augment(shown), batch.classes)
    r1, r2 = gradient_penalty(real_logits, real), gradient_penalty(fake_logits, shown)
    loss_d = relativistic_loss(real_logits, fake_logits)
    norm_d = state.descend("discriminator", loss_d + batch.gamma / 2 * (r1 + r2))

    with torch.no_grad():
        rivals = state.discriminator(batch.augment(batch.real), batch.classes)
    loss_g = relativistic_loss(state.discriminator(batch.augment(fake), batch.classes), rivals)
    norm_g = state.descend("generator", loss_g)
    # These logits have no zero of their own: only differences mean anything, for overfitting too.
    lead = real_logits - fake_logits
    return {
        "loss_d": loss_d,
        "loss_g": loss_g,
        "logit_real": real_logits.mean(),
        "logit_fake": fake_logits.mean(),
        "accuracy_pairs": (lead > 0).float().mean(),
        "sign_real": lead.sign().mean(),
        "penalty_real": r1,
        "penalty_fake": r2,
        "gradient_norm_d": norm_d,
        "gradient_norm_g": norm_g,
    }
