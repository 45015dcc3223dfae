"""The objective of vae: the evidence lower bound with a calibrated decoder (Rybkin et al. 2021, sigma-VAE)."""

import math

import torch

from models.objectives.batch import Batch, Losses, Networks
from models.objectives.losses import gaussian_divergence


def bound(state: Networks, batch: Batch) -> Losses:
    """One loss for encoder and decoder (Kingma & Welling 2014). Without a discriminator, nothing is augmented.

    With a compressor, the bound is on the likelihood of compressed images: the decoder's mean is compressed first.
    """
    mean, log_variance = state.encoder(batch.real, batch.classes)
    image = batch.compress("rebuilt", state.generator(sample_posterior(mean, log_variance, batch), batch.classes)).shown
    error = (image - batch.real).square().mean()
    divergence = gaussian_divergence(mean, log_variance)
    loss = negative_bound(error, batch.average(error.detach()), divergence, batch.real[0].numel())
    statistics = {"loss_g": loss, "squared_error": error, "divergence": divergence}
    return Losses({"encoder": loss, "generator": loss}, statistics)


PHASES = (bound,)


def negative_bound(
    error: torch.Tensor, variance: torch.Tensor, divergence: torch.Tensor, num_pixels: int
) -> torch.Tensor:
    """Nats per pixel value, for Gaussian pixels with the best-fitting variance, which is the mean squared error.

    `variance` is that error over all images computed at once (a micro-batch, in every process), without gradient: the
    gradient with respect to the best-fitting variance is zero.
    """
    return 0.5 * (torch.log(2 * math.pi * variance) + error / variance) + divergence / num_pixels


def sample_posterior(mean: torch.Tensor, log_variance: torch.Tensor, batch: Batch) -> torch.Tensor:
    """z = mean + standard deviation * N(0, I): Kingma & Welling 2014, section 2.4."""
    return mean + (0.5 * log_variance).exp() * batch.noise("posterior", mean.shape[1])
