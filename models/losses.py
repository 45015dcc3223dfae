"""Adversarial losses on logits (N,); each returns the mean over the batch."""

import torch
import torch.nn.functional as F


def discriminator_loss(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> torch.Tensor:
    """-log D(x) - log(1 - D(G(z))): Goodfellow et al. 2014, eq. 1, with D the sigmoid of the logit."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def generator_loss(fake_logits: torch.Tensor) -> torch.Tensor:
    """-log D(G(z)), the non-saturating form: Goodfellow et al. 2014, section 3."""
    return F.softplus(-fake_logits).mean()
