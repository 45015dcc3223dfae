"""Compression-robust training: generated images are compressed like the real ones before the discriminator sees them.

The generator then learns the images before compression (AmbientGAN, Bora et al. 2018; Kaneko & Harada 2021, "Blur,
Noise, and Compression Robust GANs"): its own output stays clean, and only the compressed output is compared. Nothing
compares the part that JPEG removes; `Batch.drift` keeps noise out of it. The order is: generate, compress, augment.

    off      generated images are shown uncompressed
    known    each is compressed like a real image drawn from the dataset; `Codecs` lists all encodings with their counts
    learned  each is compressed with a quality and a chroma sampling that were estimated from the pixels of real images,
             for files that no longer have their tables (models/compression/quality.py)
"""

import abc
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from models.compression.config import CompressionMode
from models.compression.jpeg import Sampling, compress, full_precision
from models.compression.quality import FINE, QUALITIES, SAMPLINGS, Evidence, find_encodings, standard_tables
from models.compute.draws import Draws
from models.compute.parallel import World
from models.errors import ConfigError
from models.grids import to_float
from models.networks.families import NetworkSpec

ENOUGH = 512  # real images after which the estimate of the encodings is final
ITERATIONS = 20  # of expectation and maximisation, for each batch of real images


class Codecs(NamedTuple):
    """The JPEG encodings of a collection, K of them.

    `tables` (K, 3, 8, 8) are the quantisation tables of Y, Cb and Cr, rows of frequencies from low to high; `samplings`
    (K, 2) the pixels across and down that one chroma sample stands for, 0 and 0 where the images are not compressed;
    `counts` (K,) the number of images.
    """

    tables: np.ndarray
    samplings: np.ndarray
    counts: np.ndarray


class Compressor(nn.Module, abc.ABC):
    """Compresses images. Drawing the encodings of a batch and using them are separate steps.

    So a phase that computes the same images again can compress them in the same way. What is learnt is kept in buffers,
    which are part of the checkpoint.
    """

    samplings: tuple[Sampling, ...]
    tables: torch.Tensor  # (K, 3, 8, 8)
    choices: torch.Tensor  # (K, samplings): 1 at the sampling of an encoding; all 0 where images stay uncompressed

    @abc.abstractmethod
    def bounds(self) -> torch.Tensor:
        """The cumulative shares of the K encodings, (K,)."""

    def draw(self, draws: Draws) -> torch.Tensor:
        """Random encodings by number, (N,), with probabilities equal to their shares."""
        bounds = self.bounds()
        return torch.searchsorted(bounds, draws.uniform(0, 1), right=True).clamp(max=len(bounds) - 1)

    def forward(self, images: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        choice = self.choices[drawn]
        compressed = compress(images, self.tables[drawn], self.samplings, choice if len(self.samplings) > 1 else None)
        return torch.where(choice.any(dim=1)[:, None, None, None], compressed, images)

    def observe(self, real: torch.Tensor, world: World) -> None:
        """Learn from the real uint8 images (N, C, H, W) of this process."""

    def statistics(self) -> dict[str, torch.Tensor]:
        """Statistics to report."""
        return {}


class KnownCompression(Compressor):
    """Compresses each image like a real image drawn at random."""

    summed: torch.Tensor

    def __init__(self, codecs: Codecs) -> None:
        super().__init__()
        used = sorted({(int(across), int(down)) for across, down in codecs.samplings if across})
        if not used:
            raise ConfigError(
                "train.compression is known, but no training image has JPEG tables that describe its pixels: build the "
                "dataset from JPEG files with shard.encoding=original and no scaling, or with shard.encoding=jpeg:Q; "
                "or set train.compression to learned or off"
            )
        self.samplings = tuple(Sampling(*one) for one in used)
        choices = torch.tensor([[tuple(row) == one for one in used] for row in codecs.samplings.tolist()])
        self.register_buffer("tables", torch.from_numpy(codecs.tables).float(), persistent=False)
        self.register_buffer("choices", choices.float(), persistent=False)
        summed = torch.from_numpy(np.cumsum(codecs.counts / codecs.counts.sum())).float()
        self.register_buffer("summed", summed, persistent=False)

    def bounds(self) -> torch.Tensor:
        return self.summed


class LearnedCompression(Compressor):
    """Compresses each image with a standard encoding, as often as it was found in the first real images.

    The estimate is online expectation-maximisation: an image that fits several encodings counts for each of them in
    proportion to how likely the previous images make it.
    """

    counts: torch.Tensor
    num_seen: torch.Tensor
    qualities: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.samplings = SAMPLINGS if channels == 3 else SAMPLINGS[:1]
        kinds = len(self.samplings)
        self._seen = 0  # a copy of num_seen, because reading that one would make a step wait for a GPU
        self.register_load_state_dict_post_hook(LearnedCompression._read_seen)  # type: ignore[no-untyped-call]
        # A prior that counts as a tenth of an image. Half of it is on uncompressed images with full chroma, the rest is
        # mostly on 4:2:0, the default of most encoders.
        is_fine = torch.tensor(QUALITIES) >= FINE
        prior = torch.where(is_fine, 0.0, torch.tensor([[1.0], [3.0]])[:kinds])
        prior[0] += is_fine * prior.sum() / is_fine.sum()
        self.register_buffer("counts", 0.1 * prior / prior.sum())
        self.register_buffer("num_seen", torch.zeros((), dtype=torch.int64))
        tables = standard_tables()
        self.register_buffer("tables", tables.repeat(kinds, 1, 1, 1), persistent=False)
        self.register_buffer("choices", torch.eye(kinds).repeat_interleave(len(QUALITIES), 0), persistent=False)
        self.register_buffer("qualities", torch.tensor(QUALITIES, dtype=torch.float32), persistent=False)

    def _read_seen(self, _keys: object) -> None:
        self._seen = int(self.num_seen)

    def bounds(self) -> torch.Tensor:
        shares = (self.counts / self.counts.sum()).flatten()
        with full_precision():
            # cumsum is not deterministic on a GPU.
            return torch.ones(len(shares), len(shares), device=shares.device).tril() @ shares

    def observe(self, real: torch.Tensor, world: World) -> None:
        """Count the encodings of this process's real uint8 images (N, C, H, W), until ENOUGH images were seen."""
        if self._seen >= ENOUGH:
            return
        evidence: Evidence = find_encodings(to_float(real), self.samplings)
        before = self.counts.clone()
        for _ in range(ITERATIONS):
            likely = (evidence.log_likelihood + self.counts.log()).flatten(1).softmax(dim=1)
            found = world.mean((likely * evidence.is_telling[:, None]).sum(dim=0)) * world.size
            self.counts.copy_(before + found.view_as(before))
        self.num_seen += len(real) * world.size
        self._seen += len(real) * world.size

    def statistics(self) -> dict[str, torch.Tensor]:
        """Mean and standard deviation of libjpeg's quality setting, and the share of 4:2:0."""
        shares = self.counts / self.counts.sum()
        mean = (shares.sum(dim=0) * self.qualities).sum()
        spread = (shares.sum(dim=0) * (self.qualities - mean).square()).sum().sqrt()
        found = {"compression_quality": mean, "compression_spread": spread}
        return found | ({"compression_subsampled": shares[-1].sum()} if len(self.samplings) > 1 else {})


def make_compressor(mode: CompressionMode, spec: NetworkSpec, codecs: Codecs | None) -> Compressor | None:
    """The compressor for `train.compression`, or None. Raises ConfigError where `known` lacks codecs of the images."""
    if mode == "known":
        return KnownCompression(codecs or Codecs(np.empty((0, 3, 8, 8)), np.empty((0, 2)), np.empty(0)))
    return LearnedCompression(spec.channels) if mode == "learned" else None
