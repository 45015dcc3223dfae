"""The evidence lower bound with a calibrated decoder (Kingma & Welling 2014; Rybkin et al. 2021, sigma-VAE)."""

import math

import torch

from models.losses import gaussian_divergence
from models.objectives.batch import Batch
from models.state import TrainState


def step(state: TrainState, batch: Batch) -> dict[str, torch.Tensor]:
    """One update of encoder and decoder; there is no discriminator, so nothing is augmented."""
    mean, log_variance = state.encoder(batch.real, batch.classes)
    image = state.generator(sample_posterior(mean, log_variance), batch.classes)
    error = (image - batch.real).square().mean()
    divergence = gaussian_divergence(mean, log_variance)
    loss = negative_bound(error, divergence, batch.real[0].numel())
    norm_e = state.descend("encoder", loss, retain_graph=True)
    norm_g = state.descend("generator", loss)
    return {
        "loss_g": loss,
        "squared_error": error,
        "divergence": divergence,
        "gradient_norm_e": norm_e,
        "gradient_norm_g": norm_g,
    }


def negative_bound(error: torch.Tensor, divergence: torch.Tensor, num_pixels: int) -> torch.Tensor:
    """Nats per pixel value: Gaussian pixels at the variance that fits best, which is the mean squared error itself."""
    return 0.5 * (torch.log(2 * math.pi * error) + 1) + divergence / num_pixels


def sample_posterior(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """z = mean + standard deviation * N(0, I): Kingma & Welling 2014, section 2.4."""
    return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
