"""The convolutional variational autoencoder: the generator is its decoder (Kingma & Welling 2014).

The layers are the classic family's, so that the two compare; z ~ N(0, I) is decoded to the mean image.

This file imports torch alone: registering a model copies it beside the weights, so that the generator loads where
this repository has never been.
"""

from itertools import pairwise

import torch
from torch import nn

RESOLUTIONS = (16, 24, 32, 48, 64, 96, 128, 192, 256)
MAX_MULTIPLIER = 8


def stage_sizes(resolution: int) -> list[int]:
    """Sides of the feature maps from the first (4 or 6) to `resolution`, each twice the one before.

    Raises ValueError where `resolution` is not one of RESOLUTIONS.
    """
    if resolution not in RESOLUTIONS:
        raise ValueError(f"resolution {resolution} cannot be made: use {', '.join(map(str, RESOLUTIONS))}")
    base = 6 if resolution % 3 == 0 else 4
    return [base * 2**i for i in range((resolution // base).bit_length())]


def stage_widths(num_stages: int, width: int) -> list[int]:
    """Channels of each feature map, first (smallest map) to last but one; `width` at the end nearest the image."""
    return [width * min(2 ** (num_stages - 2 - i), MAX_MULTIPLIER) for i in range(num_stages - 1)]


def init_weights(module: nn.Module) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for BatchNorm scales: section 4 of the DCGAN paper."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


class Generator(nn.Module):
    """Latents `z` (N, latent_dim) and, if conditional, labels (N,) to images (N, C, side, side) in [-1, 1]."""

    def __init__(self, *, resolution: int, channels: int, num_classes: int, latent_dim: int, width: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        sizes = stage_sizes(resolution)
        widths = stage_widths(len(sizes), width)
        self.label_embedding = nn.Embedding(num_classes, latent_dim) if num_classes else None
        inputs = latent_dim * (2 if num_classes else 1)
        layers: list[nn.Module] = [nn.ConvTranspose2d(inputs, widths[0], sizes[0], bias=False)]
        for before, after in pairwise(widths):
            layers += [
                nn.BatchNorm2d(before),
                nn.ReLU(),
                nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
            ]
        layers += [
            nn.BatchNorm2d(widths[-1]),
            nn.ReLU(),
            nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1),
            nn.Tanh(),
        ]
        self.layers = nn.Sequential(*layers)
        self.apply(init_weights)
        if self.label_embedding is not None:
            # As long as the latents, the label would drown them: each class collapses to one image (seen on digits).
            nn.init.normal_(self.label_embedding.weight, 0.0, 0.1)

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        if self.label_embedding is not None:
            z = torch.cat([z, self.label_embedding(labels)], dim=1)
        images: torch.Tensor = self.layers(z[:, :, None, None])
        return images


class Encoder(nn.Module):
    """Images (N, C, side, side) in [-1, 1] to the posterior's mean and log variance, each (N, latent_dim)."""

    def __init__(self, *, resolution: int, channels: int, num_classes: int, latent_dim: int, width: int) -> None:
        super().__init__()
        sizes = stage_sizes(resolution)
        widths = stage_widths(len(sizes), width)[::-1]
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.label_embedding = nn.Embedding(num_classes, latent_dim) if num_classes else None
        num_features = widths[-1] * sizes[0] ** 2 + (latent_dim if num_classes else 0)
        self.head = nn.Linear(num_features, 2 * latent_dim)
        self.apply(init_weights)

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        features: torch.Tensor = self.layers(images).flatten(1)
        if self.label_embedding is not None:
            features = torch.cat([features, self.label_embedding(labels)], dim=1)
        mean, log_variance = self.head(features).chunk(2, dim=1)
        # Beyond this the exponential leaves float32's comfort in the first steps; no trained posterior is near it.
        return mean, log_variance.clamp(-20, 10)
