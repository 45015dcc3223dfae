"""R3GAN's networks: residual blocks without normalisation (Huang et al. 2024).

This file imports torch alone. Registering a model copies it beside the weights, so that the generator loads on machines
without this repository. So it has its own copy of `stage_sizes`.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

BLOCKS_PER_STAGE = 2
GROUP_WIDTH = 16
FULL_WIDTH_STAGES = 4
SLOPE = 0.2


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
    """Channels of each stage, smallest map first: `width` four times, then half each; rounded up to multiples of 8."""
    return [-(-width // (8 * 2 ** max(0, i + 1 - FULL_WIDTH_STAGES))) * 8 for i in range(num_stages)]


class Block(nn.Module):
    """x + conv1x1(act(conv3x3(act(conv1x1(x))))). The inner width is doubled; the 3x3 convolution is grouped."""

    def __init__(self, width: int, num_blocks: int) -> None:
        super().__init__()
        inner = 2 * width
        self.expand = nn.Conv2d(width, inner, 1)
        self.mix = nn.Conv2d(inner, inner, 3, padding=1, groups=inner // GROUP_WIDTH)
        self.reduce = nn.Conv2d(inner, width, 1, bias=False)
        # Scaled so that the variance stays bounded over all blocks. The last layer is 0: a fresh block is the identity.
        gain = math.sqrt(2 / (1 + SLOPE**2)) * num_blocks**-0.25
        for convolution in (self.expand, self.mix):
            init_scaled(convolution, gain)
        nn.init.zeros_(self.reduce.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.leaky_relu(self.expand(x), SLOPE)
        y = F.leaky_relu(self.mix(y), SLOPE)
        changed: torch.Tensor = x + self.reduce(y)
        return changed


def init_scaled(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> None:
    """N(0, gain^2 / fan_in) for weights, 0 for biases."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def scaled_conv(inputs: int, outputs: int) -> nn.Conv2d:
    """A 1x1 convolution that keeps the variance."""
    convolution = nn.Conv2d(inputs, outputs, 1, bias=False)
    init_scaled(convolution)
    return convolution


def make_stage(width: int, num_blocks: int) -> nn.Sequential:
    """The blocks of one resolution; `num_blocks` counts the blocks of the whole network."""
    return nn.Sequential(*[Block(width, num_blocks) for _ in range(BLOCKS_PER_STAGE)])


class Resample(nn.Module):
    """Doubles or halves the side with the filter [1, 2, 1], and changes the channels from `before` to `after`.

    Down computes (x[2i-1] + 2 x[2i] + x[2i+1]) / 4 on each axis. Up is its transpose, times 2 on each axis to keep the
    mean.
    """

    kernel: torch.Tensor

    def __init__(self, before: int, after: int, *, up: bool) -> None:
        super().__init__()
        self.up = up
        self.convolution = scaled_conv(before, after) if before != after else nn.Identity()
        taps = torch.tensor([1.0, 2.0, 1.0]) / (2 if up else 4)
        self.register_buffer("kernel", (taps[:, None] * taps)[None, None], persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # The 1x1 convolution runs on the smaller map, where it costs less.
        if self.up:
            return self._filter(self.convolution(x))
        smaller: torch.Tensor = self.convolution(self._filter(x))
        return smaller

    def _filter(self, x: torch.Tensor) -> torch.Tensor:
        # On a CPU, single planes are fastest. For a channels_last map, splitting it into planes would be a copy.
        if not x.is_contiguous():
            kernel = self.kernel.expand(x.shape[1], -1, -1, -1).to(x.dtype)
            if self.up:
                return F.conv_transpose2d(x, kernel, None, 2, 1, 1, x.shape[1])
            return F.conv2d(x, kernel, None, 2, 1, 1, x.shape[1])
        planes = x.flatten(0, 1)[:, None]
        if self.up:
            planes = F.conv_transpose2d(planes, self.kernel, stride=2, padding=1, output_padding=1)
        else:
            planes = F.conv2d(planes, self.kernel, stride=2, padding=1)
        return planes[:, 0].reshape(*x.shape[:2], *planes.shape[2:])


class Generator(nn.Module):
    """Latents `z` (N, latent_dim) and, if conditional, labels (N,) to images (N, C, rows, columns).

    The images are not bounded. Clamp them to [-1, 1] before converting them to bytes.
    """

    def __init__(
        self, *, resolution: int, channels: int, num_classes: int, latent_dim: int, width: int, image_width: int = 0
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        sizes, base = stage_sizes(min(resolution, image_width or resolution)), smallest_map(resolution, image_width)
        widths = stage_widths(len(sizes), width)
        num_blocks = BLOCKS_PER_STAGE * len(sizes)
        self.label_embedding = nn.Embedding(num_classes, latent_dim) if num_classes else None
        if self.label_embedding is not None:
            # Embeddings start small. With the norm of the latents, each class collapses to one image (seen on digits).
            nn.init.normal_(self.label_embedding.weight, 0.0, 0.1)
        self.basis = nn.Parameter(torch.randn(widths[0], *base))
        self.stem = nn.Linear(latent_dim * (2 if num_classes else 1), widths[0], bias=False)
        init_scaled(self.stem)
        layers: list[nn.Module] = [make_stage(widths[0], num_blocks)]
        for before, after in pairwise(widths):
            layers += [Resample(before, after, up=True), make_stage(after, num_blocks)]
        self.layers = nn.Sequential(*layers, scaled_conv(widths[-1], channels))

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        if self.label_embedding is not None:
            z = torch.cat([z, self.label_embedding(labels)], dim=1)
        images: torch.Tensor = self.layers(self.basis * self.stem(z)[:, :, None, None])
        return images


class Discriminator(nn.Module):
    """Images (N, C, rows, columns) to logits (N,); the generator's stages in reverse.

    Labels enter by projection: the logit is <embedding(label), features> / sqrt(width) (Miyato & Koyama 2018).
    """

    def __init__(self, *, resolution: int, channels: int, num_classes: int, width: int, image_width: int = 0) -> None:
        super().__init__()
        sizes, base = stage_sizes(min(resolution, image_width or resolution)), smallest_map(resolution, image_width)
        widths = stage_widths(len(sizes), width)[::-1]
        num_blocks = BLOCKS_PER_STAGE * len(sizes)
        layers: list[nn.Module] = [scaled_conv(channels, widths[0]), make_stage(widths[0], num_blocks)]
        for before, after in pairwise(widths):
            layers += [Resample(before, after, up=False), make_stage(after, num_blocks)]
        pool = nn.Conv2d(widths[-1], widths[-1], base, groups=widths[-1], bias=False)
        init_scaled(pool)
        self.layers = nn.Sequential(*layers, pool)
        self.head = nn.Linear(widths[-1], widths[-1] if num_classes else 1, bias=False)
        init_scaled(self.head)
        self.label_embedding = nn.Embedding(num_classes, widths[-1]) if num_classes else None

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        features: torch.Tensor = self.head(self.layers(images).flatten(1))
        if self.label_embedding is None:
            return features[:, 0]
        logits: torch.Tensor = (self.label_embedding(labels) * features).sum(dim=1) / math.sqrt(features.shape[1])
        return logits
