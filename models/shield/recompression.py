"""Recompression: images saved once more as JPEG, as both forgeries and real images are on their way."""

import numpy as np
import torch

from models.compute.draws import Draws
from models.grids import through_jpeg, to_float, to_uint8


def recompress(images: torch.Tensor, draws: Draws, low: int = 40, high: int = 96) -> torch.Tensor:
    """`images` (N, C, H, W) in [-1, 1], each saved as JPEG by libjpeg at a random quality from `low` to `high`."""
    qualities = draws.uniform(low, high).tolist()
    pixels = to_uint8(images).cpu().numpy()
    saved = [through_jpeg(image, int(quality)) for image, quality in zip(pixels, qualities, strict=True)]
    return to_float(torch.from_numpy(np.stack(saved))).to(images.device)


def recompress_some(images: torch.Tensor, draws: Draws, share: float) -> torch.Tensor:
    """`images` of which the first `share` is recompressed."""
    count = round(share * len(images))
    if not count:
        return images
    part = Draws((int(draws.uniform(0, 2**24)[0]), 8), images.device, count)
    return torch.cat([recompress(images[:count], part), images[count:]])
