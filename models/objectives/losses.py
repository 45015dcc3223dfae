"""Adversarial losses on logits (N,), gradient penalties and divergences; each returns the mean over the batch."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F


def discriminator_loss(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> torch.Tensor:
    """-log D(x) - log(1 - D(G(z))): Goodfellow et al. 2014, eq. 1, with D the sigmoid of the logit."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def generator_loss(fake_logits: torch.Tensor) -> torch.Tensor:
    """-log D(G(z)), the non-saturating form: Goodfellow et al. 2014, section 3."""
    return F.softplus(-fake_logits).mean()


def hinge_discriminator_loss(real_logits: Sequence[torch.Tensor], fake_logits: Sequence[torch.Tensor]) -> torch.Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))), mean over the places of all scales together.

    Lim & Ye 2017; Sauer et al. 2021, eq. 2, who add the means of the scales. The logits of a scale are (N, places). The
    coarsest scale has few places, so it has a small part in this mean. It is the first that tells real and generated
    images apart, and gradients from it alone say little about details.
    """
    return F.relu(1 - torch.cat(list(real_logits), 1)).mean() + F.relu(1 + torch.cat(list(fake_logits), 1)).mean()


def hinge_generator_loss(fake_logits: Sequence[torch.Tensor]) -> torch.Tensor:
    """-D(G(z)), mean over the places of all scales together."""
    return -torch.cat(list(fake_logits), 1).mean()


def relativistic_loss(better: torch.Tensor, worse: torch.Tensor) -> torch.Tensor:
    """softplus(-(better - worse)) of paired logits: (real, fake) for the discriminator, reversed for the generator.

    Jolicoeur-Martineau 2019 (RpGAN), in the form of Huang et al. 2024.
    """
    return F.softplus(worse - better).mean()


def gradient_penalty(logits: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Mean over the batch of |d logit / d image|^2, itself differentiable: R1 on real, R2 on generated images.

    Mescheder et al. 2018, eq. 9. `images` must be what `logits` were computed from, with requires_grad.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1).mean()


def difference_penalty(
    judge: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor, direction: torch.Tensor, step: float
) -> torch.Tensor:
    """An estimate of `gradient_penalty` that needs no second derivative: two passes through the discriminator.

    It is the mean over the batch of ((D(x + e v) - D(x - e v)) / (2 e))^2, where D is `judge`, e is `step` and v is
    `direction`, N(0, I) in the shape of `images`. With g the gradient of D, the inside is g.v + O(e^2), so its square
    has the mean E[(g.v)^2] = |g|^2 and the bias e^2 g.grad(laplacian D) + O(e^4). (g.v)^2 is |g|^2 times a chi-square
    variable with one degree of freedom: over N images of equal |g|, the standard deviation is |g|^2 sqrt(2 / N).
    After the approximated R1 of Lin et al. 2025 (APT), which takes one side only.
    """
    ahead, behind = judge(images + step * direction), judge(images - step * direction)
    return ((ahead - behind) / (2 * step)).square().mean()


def gaussian_divergence(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, I)) in nats, mean over the batch: Kingma & Welling 2014, appendix B."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()


def roughness(images: torch.Tensor) -> torch.Tensor:
    """Mean squared differences of neighbouring pixels of (N, C, H, W), along rows plus along columns.

    It weights the power of each frequency by about the frequency squared. The power of natural images falls in the same
    way (Field 1987), so this is, up to a factor, their negative log likelihood under a Gaussian prior of that spectrum.
    """
    return images.diff(dim=3).square().mean() + images.diff(dim=2).square().mean()
