"""DCGAN's networks: transposed convolutions, BatchNorm, ReLU, tanh (Radford et al. 2016). vae and vaegan use them too.

This file imports torch alone. Registering a model copies it beside the weights, so that the generator loads on machines
without this repository.
"""

from itertools import pairwise

import torch
from torch import nn

MAX_MULTIPLIER = 8


def stage_sizes(resolution: int) -> list[int]:
    """Sides of the feature maps in pixels, from 4 or 6 up to `resolution`; each is twice the one before."""
    base = 6 if resolution % 3 == 0 else 4
    return [base * 2**i for i in range((resolution // base).bit_length())]


def smallest_map(resolution: int, image_width: int = 0) -> tuple[int, int]:
    """Rows and columns of the smallest feature map, which has the aspect of the image. The shorter side is 4 or 6."""
    width = image_width or resolution
    factor = min(resolution, width) // stage_sizes(min(resolution, width))[0]
    return resolution // factor, width // factor


def stage_widths(num_stages: int, width: int) -> list[int]:
    """Channels of each feature map except the image, smallest map first; the one nearest the image has `width`."""
    return [width * min(2 ** (num_stages - 2 - i), MAX_MULTIPLIER) for i in range(num_stages - 1)]


def init_weights(module: nn.Module) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for BatchNorm scales: section 4 of the DCGAN paper."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


class Generator(nn.Module):
    """Latents `z` (N, latent_dim) and, if conditional, labels (N,) to images (N, C, rows, columns) in [-1, 1]."""

    def __init__(
        self, *, resolution: int, channels: int, num_classes: int, latent_dim: int, width: int, image_width: int = 0
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        sizes, base = stage_sizes(min(resolution, image_width or resolution)), smallest_map(resolution, image_width)
        widths = stage_widths(len(sizes), width)
        self.label_embedding = nn.Embedding(num_classes, latent_dim) if num_classes else None
        inputs = latent_dim * (2 if num_classes else 1)
        layers: list[nn.Module] = [nn.ConvTranspose2d(inputs, widths[0], base, bias=False)]
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
            # Embeddings start small. With the norm of the latents, each class collapses to one image (seen on digits).
            nn.init.normal_(self.label_embedding.weight, 0.0, 0.1)

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        if self.label_embedding is not None:
            z = torch.cat([z, self.label_embedding(labels)], dim=1)
        images: torch.Tensor = self.layers(z[:, :, None, None])
        return images


def make_trunk(resolution: int, channels: int, width: int, image_width: int = 0) -> tuple[nn.Sequential, int]:
    """Convolutions that halve the sides down to 4 or 6, and their number of outputs. They mirror the generator."""
    sizes = stage_sizes(min(resolution, image_width or resolution))
    widths = stage_widths(len(sizes), width)[::-1]
    layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1), nn.LeakyReLU(0.2)]
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    rows, columns = smallest_map(resolution, image_width)
    return nn.Sequential(*layers), widths[-1] * rows * columns


class Discriminator(nn.Module):
    """Images (N, C, rows, columns) in [-1, 1] to logits (N,).

    Labels enter by projection: the logit gains <embedding(label), features> (Miyato & Koyama 2018, eq. 3).
    """

    def __init__(self, *, resolution: int, channels: int, num_classes: int, width: int, image_width: int = 0) -> None:
        super().__init__()
        self.layers, num_features = make_trunk(resolution, channels, width, image_width)
        self.head = nn.Linear(num_features, 1)
        self.label_embedding = nn.Embedding(num_classes, num_features) if num_classes else None
        self.apply(init_weights)
        if self.label_embedding is not None:
            nn.init.normal_(self.label_embedding.weight, 0.0, 0.02)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The last feature map but one, after its normalisation. vaegan measures similarity there."""
        similar: torch.Tensor = self.layers[:-3](images)
        return similar

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        features: torch.Tensor = self.layers(images).flatten(1)
        logits: torch.Tensor = self.head(features)[:, 0]
        if self.label_embedding is not None:
            logits = logits + (self.label_embedding(labels) * features).sum(dim=1)
        return logits
