"""The classic game: the discriminator's cross entropy, the generator's non-saturating loss (Goodfellow et al. 2014)."""

import torch

from models.losses import discriminator_loss, generator_loss
from models.objectives.batch import Batch
from models.state import TrainState


def step(state: TrainState, batch: Batch) -> dict[str, torch.Tensor]:
    """One update of the discriminator, then one of the generator on the same latents."""
    fake = state.generator(batch.latents(state.spec.latent_dim), batch.classes)
    real_logits = state.discriminator(batch.augment(batch.real), batch.classes)
    fake_logits = state.discriminator(batch.augment(fake.detach()), batch.classes)
    loss_d = discriminator_loss(real_logits, fake_logits)
    norm_d = state.descend("discriminator", loss_d)

    loss_g = generator_loss(state.discriminator(batch.augment(fake), batch.classes))
    norm_g = state.descend("generator", loss_g)
    return {
        "loss_d": loss_d,
        "loss_g": loss_g,
        **logit_statistics(real_logits, fake_logits),
        "gradient_norm_d": norm_d,
        "gradient_norm_g": norm_g,
    }


def logit_statistics(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> dict[str, torch.Tensor]:
    """How well logits (N,) whose zero means undecided tell real from generated."""
    return {
        "logit_real": real_logits.mean(),
        "logit_fake": fake_logits.mean(),
        "accuracy_real": (real_logits > 0).float().mean(),
        "accuracy_fake": (fake_logits < 0).float().mean(),
        "sign_real": real_logits.sign().mean(),
    }
