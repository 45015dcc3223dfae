"""Compression-robust training: generated images go through the real images' JPEG before the discriminator sees them.

The generator then learns the images behind the compression (AmbientGAN, Bora et al. 2018; Kaneko & Harada 2021,
"Blur, Noise, and Compression Robust GANs"): it stays clean itself, and what it makes is only compared compressed.
Order: generate, compress, augment.

    off      generated images are shown as they are
    known    each goes through the JPEG of a real image drawn from the dataset: `Codecs` has them all, by frequency
    learned  each goes through a JPEG whose quality and chroma sampling are drawn from a distribution that is trained
             with the generator, down the same loss
"""

import math
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import nn

from models.draws import Draws
from models.errors import ConfigError
from models.families import NetworkSpec
from models.jpeg import Sampling, compress

CompressionMode = Literal["off", "known", "learned"]

LEARNING_RATE = 5e-3  # of what is learnt about compression: three numbers, that have far to go
START_QUALITY = 10.0
START_SPREAD = 0.3
# ln(factor) of the median stays between quality 100, where all steps are 1, and quality 3.
_LOWEST, _HIGHEST = math.log(0.01), math.log(16.0)
_MIDDLE, _REACH = (_LOWEST + _HIGHEST) / 2, (_HIGHEST - _LOWEST) / 2

# Annex K of ITU-T T.81, which nearly every encoder scales by its quality setting: luminance, then chrominance.
_STANDARD = (
    (
        (16, 11, 10, 16, 24, 40, 51, 61),
        (12, 12, 14, 19, 26, 58, 60, 55),
        (14, 13, 16, 24, 40, 57, 69, 56),
        (14, 17, 22, 29, 51, 87, 80, 62),
        (18, 22, 37, 56, 68, 109, 103, 77),
        (24, 35, 55, 64, 81, 104, 113, 92),
        (49, 64, 78, 87, 103, 121, 120, 101),
        (72, 92, 95, 98, 112, 100, 103, 99),
    ),
    (
        (17, 18, 24, 47, 99, 99, 99, 99),
        (18, 21, 26, 66, 99, 99, 99, 99),
        (24, 26, 56, 99, 99, 99, 99, 99),
        (47, 66, 99, 99, 99, 99, 99, 99),
        (99, 99, 99, 99, 99, 99, 99, 99),
        (99, 99, 99, 99, 99, 99, 99, 99),
        (99, 99, 99, 99, 99, 99, 99, 99),
        (99, 99, 99, 99, 99, 99, 99, 99),
    ),
)


class Codecs(NamedTuple):
    """The JPEG encodings of a collection, K of them.

    `tables` (K, 3, 8, 8) are the quantisation tables of Y, Cb and Cr, rows of frequencies from low to high; `samplings`
    (K, 2) the pixels across and down that one chroma sample stands for, 0 and 0 where the images are not compressed;
    `counts` (K,) the number of images.
    """

    tables: np.ndarray
    samplings: np.ndarray
    counts: np.ndarray


class Compressor(nn.Module):
    """Sends images through JPEG. What it draws for a batch is kept apart from what it does with it.

    A phase that computes the same images again must compress them in the same way.
    """

    def draw(self, draws: Draws) -> torch.Tensor:
        """Random numbers that decide each image's compression, one row an image."""
        raise NotImplementedError

    def statistics(self) -> dict[str, torch.Tensor]:
        """What is worth a curve."""
        return {}


class KnownCompression(Compressor):
    """Each image goes through the encoding of a real one, drawn at random."""

    tables: torch.Tensor
    shares: torch.Tensor
    choices: torch.Tensor
    is_plain: torch.Tensor

    def __init__(self, codecs: Codecs) -> None:
        super().__init__()
        used = sorted({(int(across), int(down)) for across, down in codecs.samplings if across})
        if not used:
            raise ConfigError(
                "train.compression is known, but no training image has JPEG tables that describe its pixels: build the "
                "dataset from JPEG files with shard.encoding=original and no scaling, or with shard.encoding=jpeg:Q; "
                "or set train.compression to learned or off"
            )
        self.samplings = [Sampling(*one) for one in used]
        is_plain = torch.from_numpy(codecs.samplings[:, 0] == 0)
        choices = torch.tensor([[tuple(row) == one for one in used] for row in codecs.samplings.tolist()])
        choices[is_plain, 0] = True  # any will do: their images are taken as they are
        shares = np.cumsum(codecs.counts.astype(np.float64)) / codecs.counts.sum()
        self.register_buffer("tables", torch.from_numpy(codecs.tables).float(), persistent=False)
        self.register_buffer("shares", torch.from_numpy(shares).float(), persistent=False)
        self.register_buffer("choices", choices.float(), persistent=False)
        self.register_buffer("is_plain", is_plain, persistent=False)

    def draw(self, draws: Draws) -> torch.Tensor:
        """Numbers of encodings (N,)."""
        return torch.searchsorted(self.shares, draws.uniform(0, 1), right=True).clamp(max=len(self.shares) - 1)

    def forward(self, images: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        choice = self.choices[drawn] if len(self.samplings) > 1 else None
        compressed = compress(images, self.tables[drawn], self.samplings, choice)
        return torch.where(self.is_plain[drawn][:, None, None, None], images, compressed)


class LearnedCompression(Compressor):
    """Each image goes through a JPEG with standard tables times a log-normal factor, 4:2:0 with some probability.

    Median, spread and probability learn down the generator's loss. The gradient of a table's entry scales the error
    that its quantisation makes: where the discriminator would rather see more of that error, quality falls. Training
    starts at a low quality: a generator that already imitates the artefacts leaves nothing for the quality to learn,
    while details that are lost in the compression, and that real images have, are missed at once.
    """

    standard: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        start = math.atanh((math.log(scale_of(START_QUALITY)) - _MIDDLE) / _REACH)
        self.median = nn.Parameter(torch.tensor(start))
        self.log_spread = nn.Parameter(torch.tensor(math.log(START_SPREAD)))
        self.subsampled = nn.Parameter(torch.zeros(())) if channels == 3 else None
        self.register_buffer("standard", torch.tensor(_STANDARD)[[0, 1, 1]].float(), persistent=False)

    def draw(self, draws: Draws) -> torch.Tensor:
        """N(0, 1) for the factor and U(0, 1) for the sampling: (N, 2)."""
        return torch.stack([draws.normal(), draws.uniform(0, 1)], dim=1)

    def forward(self, images: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        scale = (self._log_median() + self.log_spread.exp() * drawn[:, 0]).exp()
        exact = self.standard * scale[:, None, None, None]
        tables = exact + (exact.round().clamp(1, 255) - exact).detach()
        if self.subsampled is None:
            return compress(images, tables, (Sampling(1, 1),))
        share = self.subsampled.sigmoid()
        subsampled = (drawn[:, 1] < share).float() + share - share.detach()
        choice = torch.stack([1 - subsampled, subsampled], dim=1)
        return compress(images, tables, (Sampling(1, 1), Sampling(2, 2)), choice)

    def statistics(self) -> dict[str, torch.Tensor]:
        """The median quality as libjpeg counts it, the spread of ln(factor), and the share of 4:2:0."""
        scale = self._log_median().exp().detach()
        quality = torch.where(scale > 1, 50 / scale, 100 - 50 * scale)
        found = {"compression_quality": quality, "compression_spread": self.log_spread.exp().detach()}
        if self.subsampled is not None:
            found["compression_subsampled"] = self.subsampled.sigmoid().detach()
        return found

    def _log_median(self) -> torch.Tensor:
        return _MIDDLE + _REACH * self.median.tanh()


def scale_of(quality: float) -> float:
    """What libjpeg multiplies the standard tables by at a quality from 1 to 100."""
    return 50 / quality if quality < 50 else 2 - quality / 50


def make_compressor(mode: CompressionMode, spec: NetworkSpec, codecs: Codecs | None) -> Compressor | None:
    """What `train.compression` asks for; `codecs` are the training images'. Raises ConfigError where it cannot be."""
    if mode == "known":
        return KnownCompression(codecs or Codecs(np.empty((0, 3, 8, 8)), np.empty((0, 2)), np.empty(0)))
    if mode == "learned":
        if spec.family == "vae":
            raise ConfigError(
                "train.compression is learned, but family vae has no discriminator to learn it from: use known or off"
            )
        return LearnedCompression(spec.channels)
    return None
