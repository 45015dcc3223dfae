"""The generator of family projected: upsampling blocks with skip-layer excitation (Liu et al. 2021, FastGAN).

This file imports torch alone. Registering a model copies it beside the weights, so that the generator loads on machines
without this repository. So it has its own copy of `stage_sizes`. FastGAN adds noise to its feature maps. It is left
out here: the images of a registered version are a function of latent and class.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

MAX_MULTIPLIER = 8
REACH = 4  # a skip-layer excitation goes over this many doublings of the side: 4 to 64, 8 to 128, 16 to 256


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
    """Channels of each feature map, smallest map first; the one of the image's size has `width`."""
    return [width * min(2 ** (num_stages - 1 - i), MAX_MULTIPLIER) for i in range(num_stages)]


class Normalisation(nn.Module):
    """BatchNorm, then a scale and a shift of each class. Both start at the identity, so a fresh class changes nothing.

    Conditional normalisation: Dumoulin et al. 2017, de Vries et al. 2017.
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.label_embedding = nn.Embedding(num_classes, 2 * channels) if num_classes else None
        if self.label_embedding is not None:
            nn.init.zeros_(self.label_embedding.weight)

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        normalised: torch.Tensor = self.norm(x)
        if self.label_embedding is None:
            return normalised
        scale: torch.Tensor
        shift: torch.Tensor
        scale, shift = self.label_embedding(labels)[:, :, None, None].chunk(2, dim=1)
        return normalised * (1 + scale) + shift


class Stem(nn.Module):
    """Latents (N, latent_dim), scaled to unit length per component, to the smallest map (N, width, *base).

    It has no class and no bias before the normalisation. A constant input here lets the generator learn one image and
    ignore the latent.
    """

    def __init__(self, latent_dim: int, width: int, base: tuple[int, int]) -> None:
        super().__init__()
        self.gain = math.sqrt(latent_dim)
        self.convolution = nn.ConvTranspose2d(latent_dim, 2 * width, base, bias=False)
        self.norm = nn.BatchNorm2d(2 * width)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        z = F.normalize(z, dim=1) * self.gain
        return F.glu(self.norm(self.convolution(z[:, :, None, None])), dim=1)


class UpConvolution(nn.Module):
    """Doubles the side by repeating pixels, then convolves with a 3x3 kernel; both in one transposed convolution.

    Repeating pixels is a transposed convolution with four ones. Convolving these with the kernel gives a 4x4 kernel, so
    the result is the same with 4 multiplications an output instead of 9.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(before, after, 3, 3))
        bound = 1 / math.sqrt(9 * before)  # PyTorch's default for a 3x3 convolution
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = F.pad(self.weight, (0, 0, 0, 1)) + F.pad(self.weight, (0, 0, 1, 0))
        kernel = F.pad(rows, (0, 1)) + F.pad(rows, (1, 0))
        return F.conv_transpose2d(x, kernel, stride=2, padding=1)


class Convolution(nn.Module):
    """A 3x3 convolution, which doubles the side first with `up`, then normalisation and a gated linear unit."""

    def __init__(self, before: int, after: int, num_classes: int, *, up: bool) -> None:
        super().__init__()
        if up:
            self.convolution: nn.Module = UpConvolution(before, 2 * after)
        else:
            self.convolution = nn.Conv2d(before, 2 * after, 3, padding=1, bias=False)
        self.norm = Normalisation(2 * after, num_classes)

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        return F.glu(self.norm(self.convolution(x), labels), dim=1)


class Block(nn.Module):
    """Doubles the side, then one convolution, or two where `deep`."""

    def __init__(self, before: int, after: int, num_classes: int, *, deep: bool) -> None:
        super().__init__()
        self.first = Convolution(before, after, num_classes, up=True)
        self.second = Convolution(after, after, num_classes, up=False) if deep else None

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        x = self.first(x, labels)
        return x if self.second is None else self.second(x, labels)


class Excitation(nn.Module):
    """Skip-layer excitation: a small map decides how strong each channel of a large map is (FastGAN, eq. 1)."""

    def __init__(self, before: int, after: int, factor: int, base: tuple[int, int]) -> None:
        super().__init__()
        self.factor = factor
        self.squeeze = nn.Conv2d(before, after, base)
        self.excite = nn.Conv2d(after, after, 1)

    def forward(self, small: torch.Tensor, large: torch.Tensor) -> torch.Tensor:
        # Not adaptive pooling: its backward pass is not deterministic on CUDA.
        pooled = F.avg_pool2d(small, self.factor) if self.factor > 1 else small
        return large * torch.sigmoid(self.excite(F.silu(self.squeeze(pooled))))


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
        self.reach = min(REACH, len(sizes) - 1)
        stem = Stem(latent_dim, widths[0], base)
        last = len(sizes) - 2
        blocks = [
            Block(before, after, num_classes, deep=number < last)
            for number, (before, after) in enumerate(pairwise(widths))
        ]
        self.layers = nn.ModuleList([stem, *blocks])
        self.excitations = nn.ModuleList(
            Excitation(widths[small], widths[small + self.reach], sizes[small] // sizes[0], base)
            for small in range(len(sizes) - self.reach)
        )
        self.image = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        maps = [self.layers[0](z)]
        for number, block in enumerate(self.layers[1:], start=1):
            x = block(maps[-1], labels)
            small = number - self.reach
            maps.append(self.excitations[small](maps[small], x) if small >= 0 else x)
        return torch.tanh(self.image(maps[-1]))
