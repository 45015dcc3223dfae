"""Compression-robust training: generated images go through the real images' JPEG before the discriminator sees them.

The generator then learns the images behind the compression (AmbientGAN, Bora et al. 2018; Kaneko & Harada 2021,
"Blur, Noise, and Compression Robust GANs"): it stays clean itself, and what it makes is only compared compressed.
What JPEG takes away nobody compares; `Batch.drift` keeps noise out of it. Order: generate, compress, augment.

    off      generated images are shown as they are
    known    each goes through the JPEG of a real image drawn from the dataset: `Codecs` has them all, by frequency
    learned  each goes through a JPEG of a quality and a chroma sampling that were found in real images' pixels, for
             files that no longer tell (models/compression/quality.py)
"""

import abc
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import nn

from models.compression.jpeg import Sampling, compress, full_precision
from models.compression.quality import FINE, QUALITIES, SAMPLINGS, Evidence, find_encodings, standard_tables
from models.compute.draws import Draws
from models.compute.parallel import World
from models.errors import ConfigError
from models.grids import to_float
from models.networks.families import NetworkSpec

CompressionMode = Literal["off", "known", "learned"]
ENOUGH = 512  # real images that are looked at before the encodings count as known
ITERATIONS = 20  # of expectation and maximisation, for each batch of them


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
    """Sends images through JPEG. What it draws for a batch is kept apart from what it does with it.

    A phase that computes the same images again must compress them in the same way. What is learnt is in buffers, which
    are part of the checkpoint.
    """

    samplings: tuple[Sampling, ...]
    tables: torch.Tensor  # (K, 3, 8, 8)
    choices: torch.Tensor  # (K, samplings): 1 at an encoding's; nowhere where images stay as they are

    @abc.abstractmethod
    def bounds(self) -> torch.Tensor:
        """The shares of the K encodings, summed up: (K,)."""

    def draw(self, draws: Draws) -> torch.Tensor:
        """Numbers of encodings (N,), as often as their shares say."""
        bounds = self.bounds()
        return torch.searchsorted(bounds, draws.uniform(0, 1), right=True).clamp(max=len(bounds) - 1)

    def forward(self, images: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        choice = self.choices[drawn]
        compressed = compress(images, self.tables[drawn], self.samplings, choice if len(self.samplings) > 1 else None)
        return torch.where(choice.any(dim=1)[:, None, None, None], compressed, images)

    def observe(self, real: torch.Tensor, world: World) -> None:
        """Learn from this process's real uint8 images (N, C, H, W)."""

    def statistics(self) -> dict[str, torch.Tensor]:
        """What is worth a curve."""
        return {}


class KnownCompression(Compressor):
    """Each image goes through the encoding of a real one, drawn at random."""

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
    """Each image goes through a standard encoding, as often as it was found in the first real images that were seen.

    Counting is expectation-maximisation online: an image that fits several encodings counts for each as much as the
    images before it make likely.
    """

    counts: torch.Tensor
    num_seen: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.samplings = SAMPLINGS if channels == 3 else SAMPLINGS[:1]
        kinds = len(self.samplings)
        self._has_enough = False
        self.register_load_state_dict_post_hook(LearnedCompression._look_again)  # type: ignore[no-untyped-call]
        # A prior that is worth a tenth of an image, half of it on what was not compressed (and so keeps its colours);
        # most encoders do 4:2:0 where they are not told otherwise.
        is_fine = torch.tensor(QUALITIES) >= FINE
        prior = torch.where(is_fine, 0.0, torch.tensor([[1.0], [3.0]])[:kinds])
        prior[0] += is_fine * prior.sum() / is_fine.sum()
        self.register_buffer("counts", 0.1 * prior / prior.sum())
        self.register_buffer("num_seen", torch.zeros((), dtype=torch.int64))
        tables = standard_tables()
        self.register_buffer("tables", tables.repeat(kinds, 1, 1, 1), persistent=False)
        self.register_buffer("choices", torch.eye(kinds).repeat_interleave(len(QUALITIES), 0), persistent=False)

    def _look_again(self, _keys: object) -> None:
        self._has_enough = False

    def bounds(self) -> torch.Tensor:
        shares = (self.counts / self.counts.sum()).flatten()
        with full_precision():
            # Not cumsum: on a GPU it gives other bits each time.
            return torch.ones(len(shares), len(shares), device=shares.device).tril() @ shares

    def observe(self, real: torch.Tensor, world: World) -> None:
        """Count the encodings of this process's real uint8 images (N, C, H, W), until enough were seen."""
        # Read back from the device only until there is enough: later steps need not wait for it.
        self._has_enough = self._has_enough or bool(self.num_seen >= ENOUGH)
        if self._has_enough:
            return
        evidence: Evidence = find_encodings(to_float(real), self.samplings)
        before = self.counts.clone()
        for _ in range(ITERATIONS):
            likely = (evidence.log_likelihood + self.counts.log()).flatten(1).softmax(dim=1)
            found = world.mean((likely * evidence.is_telling[:, None]).sum(dim=0)) * world.size
            self.counts.copy_(before + found.view_as(before))
        self.num_seen += len(real) * world.size

    def statistics(self) -> dict[str, torch.Tensor]:
        """Mean and spread of the quality as libjpeg counts it, and the share of 4:2:0."""
        shares = self.counts / self.counts.sum()
        qualities = torch.tensor(QUALITIES, dtype=torch.float32, device=shares.device)
        mean = (shares.sum(dim=0) * qualities).sum()
        spread = (shares.sum(dim=0) * (qualities - mean).square()).sum().sqrt()
        found = {"compression_quality": mean, "compression_spread": spread}
        return found | ({"compression_subsampled": shares[-1].sum()} if len(self.samplings) > 1 else {})


def make_compressor(mode: CompressionMode, spec: NetworkSpec, codecs: Codecs | None) -> Compressor | None:
    """What `train.compression` asks for; `codecs` are the training images'. Raises ConfigError where it cannot be."""
    if mode == "known":
        return KnownCompression(codecs or Codecs(np.empty((0, 3, 8, 8)), np.empty((0, 2)), np.empty(0)))
    return LearnedCompression(spec.channels) if mode == "learned" else None
