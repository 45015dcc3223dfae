"""Random changes of real and generated images that gradients pass through (Zhao et al. 2020, DiffAugment)."""

from collections.abc import Callable
from functools import partial

import torch

from models.augmentation.config import AugmentConfig
from models.compute.draws import Draws


def augment(
    images: torch.Tensor, config: AugmentConfig, draws: Draws, strength: float | torch.Tensor = 1.0
) -> torch.Tensor:
    """Apply each transform of `config` to each of `images` (N, C, H, W) in [-1, 1] with probability `strength`.

    Every image gets its own random numbers, and each transform is applied independently of the others.
    """
    for transform in _transforms(config):
        changed = transform(images, draws)
        if not _is_certain(strength):
            changed = torch.where(draws.uniform(0, 1, 1, 1, 1) < strength, changed, images)
        images = changed
    return images


def _transforms(config: AugmentConfig) -> list[Callable[[torch.Tensor, Draws], torch.Tensor]]:
    transforms: list[Callable[[torch.Tensor, Draws], torch.Tensor]] = []
    if config.flip:
        transforms.append(mirror)
    if config.colour:
        transforms.append(partial(change_colour, strength=config.colour))
    if config.translation or config.scale:
        transforms.append(partial(shift_and_zoom, translation=config.translation, scale=config.scale))
    if config.cutout:
        transforms.append(partial(cut_out, share=config.cutout))
    return transforms


def _is_certain(strength: float | torch.Tensor) -> bool:
    """Whether every transform applies to every image. A tensor counts as no: reading it would make a GPU wait."""
    return not isinstance(strength, torch.Tensor) and strength >= 1


def mirror(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Mirror each image left to right with probability 0.5."""
    return torch.where(draws.uniform(0, 1, 1, 1, 1) < 0.5, images.flip(3), images)


def change_colour(images: torch.Tensor, draws: Draws, strength: float) -> torch.Tensor:
    """At strength 1: brightness +-0.5, then saturation times 0 to 2, then contrast times 0.5 to 1.5 (DiffAugment)."""
    brightness, saturation, contrast = (draws.uniform(-1, 1, 3, 1, 1, 1) * strength).unbind(1)
    images = images + 0.5 * brightness
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (1 + saturation)
    level = images.mean(dim=(1, 2, 3), keepdim=True)
    return level + (images - level) * (1 + 0.5 * contrast)


def shift_and_zoom(images: torch.Tensor, draws: Draws, translation: float, scale: float) -> torch.Tensor:
    """Shift each image by up to `translation` of its side and zoom it by 2 ** N(0, scale). Borders are repeated.

    Without zoom, the shift is by whole pixels, so that images stay as sharp as they are.
    """
    zoom = torch.exp2(draws.normal(1) * scale)
    shift = draws.uniform(-translation, translation, 2)
    height, width = images.shape[2:]
    if not scale:
        sides = torch.tensor([height, width], device=images.device)
        shift = (shift * sides).round() / sides
    rows = interpolation_matrix(height, zoom, shift[:, :1])
    columns = interpolation_matrix(width, zoom, shift[:, 1:])
    return rows[:, None] @ images @ columns[:, None].mT


def interpolation_matrix(size: int, zoom: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Bilinear weights (N, size, size) that sample one axis at (x - centre) / zoom + centre + shift.

    Zoom and shift act on each axis separately. So two small matrix products replace grid_sample, and their backward
    pass is deterministic on CUDA too.
    """
    positions = torch.arange(size, device=zoom.device, dtype=torch.float32)
    centre = (size - 1) / 2
    sources = ((positions - centre) / zoom + centre + shift * size).clamp(0, size - 1)
    return (1 - (sources[:, :, None] - positions).abs()).clamp(min=0)


def cut_out(images: torch.Tensor, draws: Draws, share: float) -> torch.Tensor:
    """Blank a square with `share` of the side, centred at a random place of the image."""
    height, width = images.shape[2:]
    centre = draws.uniform(0, 1, 2, 1)
    rows = (torch.arange(height, device=images.device) - centre[:, 0] * height).abs() < share * height / 2
    columns = (torch.arange(width, device=images.device) - centre[:, 1] * width).abs() < share * width / 2
    hole = (rows[:, :, None] & columns[:, None, :])[:, None]
    return images.masked_fill(hole, 0.0)
