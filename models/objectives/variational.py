"""The evidence lower bound with a calibrated decoder (Kingma & Welling 2014; Rybkin et al. 2021, sigma-VAE)."""

import math

import torch

from models.objectives.batch import Batch, Losses, Networks
from models.objectives.losses import gaussian_divergence


def bound(state: Networks, batch: Batch) -> Losses:
    """Encoder and decoder go down one loss; there is no discriminator, so nothing is augmented.

    With a compressor, the bound is on the likelihood of compressed images: the decoder's mean goes through JPEG first.
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
    """Nats per pixel value: Gaussian pixels at the variance that fits best, which is the mean squared error itself.

    `variance` is that error over all images computed at once (a micro-batch, in every process), as a number: its own
    gradient is zero at the best fit.
    """
    return 0.5 * (torch.log(2 * math.pi * variance) + error / variance) + divergence / num_pixels


def sample_posterior(mean: torch.Tensor, log_variance: torch.Tensor, batch: Batch) -> torch.Tensor:
    """z = mean + standard deviation * N(0, I): Kingma & Welling 2014, section 2.4."""
    return mean + (0.5 * log_variance).exp() * batch.noise("posterior", mean.shape[1])
