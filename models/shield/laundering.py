"""JPEG on the way: forgeries are saved again to wash off their traces, and honest images are saved again too."""

import io

import numpy as np
import torch
from PIL import Image

from models.compute.draws import Draws
from models.grids import to_float, to_uint8

__all__ = ["launder"]


def launder(images: torch.Tensor, draws: Draws, low: int = 40, high: int = 96) -> torch.Tensor:
    """`images` (N, C, H, W) in [-1, 1] after JPEG at a quality of `low` to `high` each, by libjpeg itself."""
    qualities = draws.uniform(low, high).tolist()
    pixels = to_uint8(images).cpu().numpy()
    saved = [_through_jpeg(image, int(quality)) for image, quality in zip(pixels, qualities, strict=True)]
    return to_float(torch.from_numpy(np.stack(saved))).to(images.device)


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image[0] if image.shape[0] == 1 else image.transpose(1, 2, 0)).save(buffer, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(buffer, formats=["JPEG"]))
    return decoded[None] if decoded.ndim == 2 else decoded.transpose(2, 0, 1)
