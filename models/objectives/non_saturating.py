"""The classic game: the discriminator's cross entropy, the generator's non-saturating loss (Goodfellow et al. 2014)."""

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
    """The generator's loss on the same latents, before the discriminator that has just learnt."""
    fake = batch.fake(state)
    loss = generator_loss(state.discriminator(batch.augment(fake.shown), batch.classes))
    return Losses({"generator": loss + batch.drift(fake)}, {"loss_g": loss})


PHASES = (discriminate, generate)


def logit_statistics(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> dict[str, torch.Tensor]:
    """How well logits (N,) whose zero means undecided tell real from generated."""
    return {
        "logit_real": real_logits.mean(),
        "logit_fake": fake_logits.mean(),
        "accuracy_real": (real_logits > 0).float().mean(),
        "accuracy_fake": (fake_logits < 0).float().mean(),
        "sign_real": real_logits.sign().mean(),
    }
