"""The objective of dcgan: cross entropy, and the non-saturating loss for the generator (Goodfellow et al. 2014)."""

import torch

from models.objectives.batch import Batch, Losses, Networks
from models.objectives.losses import discriminator_loss, generator_loss


def discriminate(state: Networks, batch: Batch) -> Losses:
    """The discriminator's loss on real and generated images."""
    real_logits = state.discriminator(batch.augment(batch.real), batch.classes)
    fake_logits = state.discriminator(batch.augment(batch.fake(state).shown.detach()), batch.classes)
    loss = discriminator_loss(real_logits, fake_logits)
    return Losses({"discriminator": loss}, {"loss_d": loss, **logit_statistics(real_logits, fake_logits)})


def generate(state: Networks, batch: Batch) -> Losses:
    """The generator's loss on the same latents, with the updated discriminator."""
    fake = batch.fake(state)
    loss = generator_loss(state.discriminator(batch.augment(fake.shown), batch.classes))
    return Losses({"generator": loss + batch.drift(fake)}, {"loss_g": loss})


PHASES = (discriminate, generate)


def logit_statistics(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> dict[str, torch.Tensor]:
    """Statistics of logits (N,) that are above 0 for real and below 0 for generated images."""
    return {
        "logit_real": real_logits.mean(),
        "logit_fake": fake_logits.mean(),
        "accuracy_real": (real_logits > 0).float().mean(),
        "accuracy_fake": (fake_logits < 0).float().mean(),
        "sign_real": real_logits.sign().mean(),
    }
