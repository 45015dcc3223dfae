"""JPEG on the way: forgeries are saved again to wash off their traces, and honest images are saved again too."""

import numpy as np
import torch

from models.compute.draws import Draws
from models.grids import through_jpeg, to_float, to_uint8

__all__ = ["launder"]


def launder(images: torch.Tensor, draws: Draws, low: int = 40, high: int = 96) -> torch.Tensor:
    """`images` (N, C, H, W) in [-1, 1] after JPEG at a quality of `low` to `high` each, by libjpeg itself."""
    qualities = draws.uniform(low, high).tolist()
    pixels = to_uint8(images).cpu().numpy()
    saved = [through_jpeg(image, int(quality)) for image, quality in zip(pixels, qualities, strict=True)]
    return to_float(torch.from_numpy(np.stack(saved))).to(images.device)
