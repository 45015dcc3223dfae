"""The discriminators of family projected: small heads on the features of a frozen net (Sauer et al. 2021).

One thing is added to the paper: a head that sees the pixels. A frozen net that was trained to name objects says little
about colours, and BatchNorm hides what all images of a batch share. With the paper's heads alone, all generated images
had one colour (benchmarks/results/projected.md).

`attach` gives the frozen net to the discriminator. Checkpoints do not contain the frozen net's weights. They contain
the heads and the random mixing.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import nn

MIXED = (32, 64, 96, 128)  # channels after the random mixing, finest scale first
WIDTH = 128
SLOPE = 0.2
GROUP = 4  # images that are compared with each other
LARGEST_INPUT = 256
LARGEST_LOGITS = 6  # a head halves the side of its map until it is at most this


class Pyramid(Protocol):
    """A frozen net: images (N, C, H, W) in [-1, 1] to maps of four scales, finest first. Gradients pass through it."""

    name: str
    sha256: str

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]: ...


PYRAMID_CHANNELS = (24, 40, 112, 320)  # of EfficientNet-Lite0, before each halving of the side


def input_size(resolution: int, image_width: int = 0) -> tuple[int, int]:
    """Rows and columns in pixels to which images are resized for the frozen net: twice as large, within a limit."""
    width = image_width or resolution
    longer = max(resolution, width)
    largest = min(2 * longer, LARGEST_INPUT)
    return resolution * largest // longer, width * largest // longer


class FixedConvolution(nn.Module):
    """A convolution with random weights that are never trained. They are saved in checkpoints, so a resume is exact."""

    weight: torch.Tensor

    def __init__(self, before: int, after: int, side: int) -> None:
        super().__init__()
        weight = nn.init.kaiming_normal_(torch.empty(after, before, side, side), nonlinearity="linear")
        self.register_buffer("weight", weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.weight, padding=self.weight.shape[-1] // 2)


class Mixing(nn.Module):
    """Random fixed mixing of channels within each scale, then from coarse to fine scales (section 3.2 of the paper)."""

    def __init__(self) -> None:
        super().__init__()
        self.channels = nn.ModuleList(FixedConvolution(*pair, 1) for pair in zip(PYRAMID_CHANNELS, MIXED, strict=True))
        self.scales = nn.ModuleList(FixedConvolution(MIXED[i + 1], MIXED[i], 3) for i in range(len(MIXED) - 1))

    def forward(self, maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        mixed = [mix(scale) for mix, scale in zip(self.channels, maps, strict=True)]
        for index in reversed(range(len(self.scales))):
            coarse = self.scales[index](mixed[index + 1])
            size = mixed[index].shape[-2:]
            mixed[index] = mixed[index] + F.interpolate(coarse, size, mode="bilinear", align_corners=False)
        return mixed


class SpectralConvolution(nn.Conv2d):
    """A convolution whose weights are divided by their largest singular value (Miyato et al. 2018).

    `direction` is the left singular vector, as far as the power iteration has come. It is a buffer, so a resume is
    exact. A pass does not change it: compiled code may keep the buffer itself for its gradient.
    """

    direction: torch.Tensor

    def __init__(self, before: int, after: int, side: int, *, stride: int = 1, bias: bool = False) -> None:
        super().__init__(before, after, side, stride, padding=1, bias=bias)
        self.register_buffer("direction", F.normalize(torch.randn(after), dim=0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scaled: torch.Tensor = self._conv_forward(x, self.weight / self.norm(), self.bias)
        return scaled

    def norm(self) -> torch.Tensor:
        """The largest singular value of the weights as a matrix (outputs, rest), as far as it is known.

        `direction` is taken as constant. Then the gradient is the product of both singular vectors, as in the paper.
        """
        with torch.autocast("cuda" if self.weight.is_cuda else "cpu", enabled=False):
            norm: torch.Tensor = torch.linalg.vector_norm(self.weight.flatten(1).mT @ self.direction)
            return norm

    @torch.no_grad()
    def iterate(self) -> None:
        """Take one step of the power iteration."""
        matrix = self.weight.flatten(1)
        right = F.normalize(matrix.mT @ self.direction, dim=0)
        self.direction.copy_(F.normalize(matrix @ right, dim=0))


def with_spread(x: torch.Tensor) -> torch.Tensor:
    """Maps (N, channels, rows, columns) with one more channel: how much the images of a group differ.

    A group is GROUP consecutive images (fewer if that does not divide N), so the result does not depend on how a batch
    is divided among processes. The channel holds one number for each group: the standard deviation over its images,
    averaged over channels and places, divided by their root mean square. After Karras et al. 2018, section 3, who do
    not divide.
    """
    size = next(size for size in range(GROUP, 0, -1) if len(x) % size == 0)
    groups = x.reshape(-1, size, *x.shape[1:])
    deviation = (groups.var(dim=1, unbiased=False) + 1e-8).sqrt().mean(dim=(1, 2, 3))
    scale = (groups.square().mean(dim=(1, 2, 3, 4)) + 1e-8).sqrt()
    spread = (deviation / scale).repeat_interleave(size)[:, None, None, None]
    return torch.cat([x, spread.expand(-1, 1, *x.shape[2:])], dim=1)


class Logits(nn.Module):
    """Maps (N, WIDTH, rows, columns) to one logit for each place, (N, places). Classes enter by projection.

    Projection: Miyato & Koyama 2018, eq. 3.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.convolution = SpectralConvolution(WIDTH, 1, 3, bias=True)
        self.label_embedding = nn.Embedding(num_classes, WIDTH) if num_classes else None
        if self.label_embedding is not None:
            nn.init.normal_(self.label_embedding.weight, 0.0, 0.02)

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        logits: torch.Tensor = self.convolution(x)[:, 0]
        if self.label_embedding is not None:
            weights = self.label_embedding(labels)[:, :, None, None] / math.sqrt(WIDTH)
            logits = logits + (weights * x).sum(dim=1)
        return logits.flatten(1)


class Head(nn.Module):
    """The logits of one scale of the frozen net's maps (N, channels, rows, columns)."""

    def __init__(self, channels: int, side: int, num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        after = WIDTH // 2
        while side > LARGEST_LOGITS:
            layers += [SpectralConvolution(channels, after, 4, stride=2), nn.BatchNorm2d(after), nn.LeakyReLU(SLOPE)]
            channels, after, side = after, WIDTH, side // 2
        layers += [SpectralConvolution(channels, WIDTH, 3), nn.BatchNorm2d(WIDTH), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers)
        self.out = Logits(num_classes)

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        logits: torch.Tensor = self.out(self.layers(x), labels)
        return logits


class PixelHead(nn.Module):
    """The logits of the images themselves (N, channels, rows, columns). It has no BatchNorm, so it sees colours."""

    def __init__(self, channels: int, side: int, num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        after = WIDTH // 4
        while side > LARGEST_LOGITS:
            layers += [SpectralConvolution(channels, after, 4, stride=2, bias=True), nn.LeakyReLU(SLOPE)]
            channels, after, side = after, min(2 * after, WIDTH), side // 2
        self.layers = nn.Sequential(*layers)
        self.last = SpectralConvolution(channels + 1, WIDTH, 3, bias=True)
        self.out = Logits(num_classes)

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        features = F.leaky_relu(self.last(with_spread(self.layers(images))), SLOPE)
        logits: torch.Tensor = self.out(features, labels)
        return logits


class Discriminator(nn.Module):
    """One head for each scale of the frozen net's maps, and one for the pixels. Attach the net first.

    `width` is not used: the heads depend on the frozen net alone.
    """

    def __init__(self, *, resolution: int, channels: int, num_classes: int, width: int, image_width: int = 0) -> None:
        super().__init__()
        self.pyramid: Pyramid | None = None
        self.mixing = Mixing()
        # The shorter side decides how often a head halves its map.
        shorter = min(input_size(resolution, image_width))
        sides = [-(-shorter // factor) for factor in (4, 8, 16, 32)]
        heads = [Head(*scale, num_classes) for scale in zip(MIXED, sides, strict=True)]
        self.heads = nn.ModuleList(
            [*heads, PixelHead(channels, min(resolution, image_width or resolution), num_classes)]
        )

    def attach(self, pyramid: Pyramid) -> None:
        """Use this frozen net. It is not registered as a submodule, so its weights are neither trained nor saved."""
        self.pyramid = pyramid

    def iterate_norms(self) -> None:
        """Take one step of the power iteration in every spectral convolution: once before each step of training."""
        for layer in self.modules():
            if isinstance(layer, SpectralConvolution):
                layer.iterate()

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """What the heads see of images (N, C, H, W) in [-1, 1]: mixed features, finest scale first, then the pixels."""
        assert self.pyramid is not None, "attach a frozen net first"
        return [*self.mixing(self.pyramid(images)), images]

    def logits(self, maps: Sequence[torch.Tensor], labels: torch.Tensor | None) -> list[torch.Tensor]:
        """The logits (N, places) of each head."""
        return [head(scale, labels) for head, scale in zip(self.heads, maps, strict=True)]

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return mean_logit(self.logits(self.maps(images), labels))


def mean_logit(logits: Sequence[torch.Tensor]) -> torch.Tensor:
    """One logit for each image, (N,): the mean over the places of all heads."""
    return torch.cat(list(logits), dim=1).mean(dim=1)
