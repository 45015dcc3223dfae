"""The encoder of vae and vaegan; their generator and discriminator are those of dcgan.

In a variational autoencoder the generator is the decoder: z ~ N(0, I) is decoded to the mean image (Kingma & Welling
2014). In vaegan the decoder also plays against a discriminator (Larsen et al. 2016, VAE/GAN).
"""

from itertools import pairwise

import torch
from torch import nn

from models.networks.dcgan import init_weights, stage_sizes, stage_widths


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
        # Larger values can overflow exp() in the first steps. No trained posterior comes near these bounds.
        return mean, log_variance.clamp(-20, 10)
