"""The encoder of vae and vaegan; their generator and discriminator are those of dcgan.

In a variational autoencoder the generator is the decoder: z ~ N(0, I) is decoded to the mean image (Kingma & Welling
2014). In vaegan the decoder also plays against a discriminator (Larsen et al. 2016, VAE/GAN).
"""

import torch
from torch import nn

from models.networks.dcgan import init_weights, make_trunk


class Encoder(nn.Module):
    """Images (N, C, rows, columns) in [-1, 1] to the posterior's mean and log variance, each (N, latent_dim)."""

    def __init__(
        self, *, resolution: int, channels: int, num_classes: int, latent_dim: int, width: int, image_width: int = 0
    ) -> None:
        super().__init__()
        self.layers, num_features = make_trunk(resolution, channels, width, image_width)
        self.label_embedding = nn.Embedding(num_classes, latent_dim) if num_classes else None
        self.head = nn.Linear(num_features + (latent_dim if num_classes else 0), 2 * latent_dim)
        self.apply(init_weights)

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        features: torch.Tensor = self.layers(images).flatten(1)
        if self.label_embedding is not None:
            features = torch.cat([features, self.label_embedding(labels)], dim=1)
        mean, log_variance = self.head(features).chunk(2, dim=1)
        # Larger values can overflow exp() in the first steps. No trained posterior comes near these bounds.
        return mean, log_variance.clamp(-20, 10)
