"""An animation from latent to latent: each cell goes its own way, and the last frame leads back to the first."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from PIL import Image

from models.grids import grid_png
from tasks.evaluation.export.config import ExportConfig
from tasks.evaluation.grids import slerp
from tasks.registry.loaded_generator import LoadedGenerator

STOPS = 4  # latents that each cell visits
COLUMNS, ROWS = 5, 2
FRAME_MS = 60
LEAST_WIDTH = 480  # pixels; smaller animations are enlarged with hard edges
BATCH = 16  # frames that are made at once


def interpolation_webp(generator: LoadedGenerator, config: ExportConfig, chosen: Sequence[int]) -> bytes:
    """Return a marked, animated, lossless WebP. Cells have the chosen classes, or all classes, in turn."""
    frames = list(_frames(generator, config, chosen))
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "WEBP", save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0, lossless=True, method=2
    )
    return generator.mark(buffer.getvalue(), config.seed)


def _frames(generator: LoadedGenerator, config: ExportConfig, chosen: Sequence[int]) -> Iterator[Image.Image]:
    cells = COLUMNS * ROWS
    random = torch.Generator().manual_seed(config.seed)
    stops = torch.randn(STOPS, cells, generator.latent_dim, generator=random)
    classes = list(chosen) or list(range(generator.num_classes))
    labels = torch.tensor([classes[cell % len(classes)] for cell in range(cells)]) if classes else None
    for start in range(0, config.frames, BATCH):
        numbers = range(start, min(start + BATCH, config.frames))
        z = torch.cat([_latents(stops, number / config.frames) for number in numbers])
        repeated = None if labels is None else labels.repeat(len(numbers))
        images = generator.render(config.truncation * z, repeated)
        for place in range(len(numbers)):
            yield _picture(images[place * cells : (place + 1) * cells])


def _latents(stops: torch.Tensor, share: float) -> torch.Tensor:
    """Return the latents (cells, D) at this share of the round trip through all stops."""
    position = share * len(stops)
    place = int(position)
    return slerp(stops[place], stops[(place + 1) % len(stops)], position - place)


def _picture(images: np.ndarray) -> Image.Image:
    picture = Image.open(io.BytesIO(grid_png(images, COLUMNS)), formats=["PNG"]).convert("RGB")
    scale = -(-LEAST_WIDTH // picture.width)
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
