"""Random changes of real and generated images that gradients pass through (Zhao et al. 2020, DiffAugment).

All random numbers of a call are drawn first. What follows is arithmetic on tensors alone, which can be compiled.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import torch

from models.augmentation.config import AugmentConfig
from models.compute.compilation import compiled
from models.compute.draws import Draws


class Transform(NamedTuple):
    """`draw` gives the random numbers of one transform, and `change` applies it: (images, *numbers) to images."""

    draw: Callable[[Draws], tuple[torch.Tensor, ...]]
    change: Callable[..., torch.Tensor]


class Drawn(NamedTuple):
    """The random numbers of one transform, and which images it applies to, bool (N, 1, 1, 1). None: to all."""

    numbers: tuple[torch.Tensor, ...]
    chosen: torch.Tensor | None


Apply = Callable[[torch.Tensor, Sequence[Drawn]], torch.Tensor]
Augment = Callable[[torch.Tensor], torch.Tensor]


def augment(
    images: torch.Tensor,
    config: AugmentConfig,
    draws: Draws,
    strength: float | torch.Tensor = 1.0,
    *,
    compile: bool = False,
) -> torch.Tensor:
    """Apply each transform of `config` to each of `images` (N, C, H, W) in [-1, 1] with probability `strength`.

    Every image gets its own random numbers, and each transform is applied independently of the others. With `compile`
    the arithmetic is compiled, and its gradient cannot be differentiated again.
    """
    return draw_augmentation(config, draws, strength, compile=compile)(images)


def draw_augmentation(
    config: AugmentConfig, draws: Draws, strength: float | torch.Tensor = 1.0, *, compile: bool = False
) -> Augment:
    """Draw the random numbers of `augment` now. The function that is returned uses the same ones in each call."""
    drawn = draw_changes(config, draws, strength)
    if not drawn:
        return _unchanged
    apply = _compiled_changes(config) if compile else changes(config)
    return lambda images: apply(images, drawn)


def _unchanged(images: torch.Tensor) -> torch.Tensor:
    return images


def draw_changes(config: AugmentConfig, draws: Draws, strength: float | torch.Tensor = 1.0) -> list[Drawn]:
    """The random numbers of each transform of `config`, in the order in which transforms are applied."""
    return [Drawn(transform.draw(draws), _chosen(draws, strength)) for transform in _transforms(config)]


def changes(config: AugmentConfig) -> Apply:
    """The arithmetic of `config`: it applies transforms with the random numbers that were drawn for them."""
    transforms = _transforms(config)

    def apply(images: torch.Tensor, drawn: Sequence[Drawn]) -> torch.Tensor:
        for transform, (numbers, chosen) in zip(transforms, drawn, strict=True):
            changed = transform.change(images, *numbers)
            images = changed if chosen is None else torch.where(chosen, changed, images)
        return images

    return apply


@cache
def _compiled_changes(config: AugmentConfig) -> Apply:
    return compiled(changes(config))


def _chosen(draws: Draws, strength: float | torch.Tensor) -> torch.Tensor | None:
    """Which images a transform applies to. A tensor never counts as certain: reading it would make a GPU wait."""
    is_certain = not isinstance(strength, torch.Tensor) and strength >= 1
    return None if is_certain else draws.uniform(0, 1, 1, 1, 1) < strength


def _transforms(config: AugmentConfig) -> list[Transform]:
    transforms: list[Transform] = []
    if config.flip:
        transforms.append(Transform(_one_chance, _mirrored))
    if config.colour:
        transforms.append(Transform(_three_factors, partial(_recoloured, strength=config.colour)))
    if config.translation or config.scale:
        draw = partial(_zoom_and_shift, translation=config.translation, scale=config.scale)
        transforms.append(Transform(draw, partial(_moved, whole_pixels=not config.scale)))
    if config.cutout:
        transforms.append(Transform(_place, partial(_blanked, share=config.cutout)))
    return transforms


def _one_chance(draws: Draws) -> tuple[torch.Tensor]:
    return (draws.uniform(0, 1, 1, 1, 1),)


def _mirrored(images: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
    """Mirror each image left to right with probability 0.5."""
    return torch.where(chance < 0.5, images.flip(3), images)


def _three_factors(draws: Draws) -> tuple[torch.Tensor]:
    return (draws.uniform(-1, 1, 3, 1, 1, 1),)


def _recoloured(images: torch.Tensor, factors: torch.Tensor, strength: float) -> torch.Tensor:
    """At strength 1: brightness +-0.5, then saturation times 0 to 2, then contrast times 0.5 to 1.5 (DiffAugment)."""
    brightness, saturation, contrast = (factors * strength).unbind(1)
    images = images + 0.5 * brightness
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (1 + saturation)
    level = images.mean(dim=(1, 2, 3), keepdim=True)
    return level + (images - level) * (1 + 0.5 * contrast)


def _zoom_and_shift(draws: Draws, translation: float, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A zoom of 2 ** N(0, scale), and a shift of up to `translation` of the side."""
    zoom = torch.exp2(draws.normal(1) * scale)
    return zoom, draws.uniform(-translation, translation, 2)


def _moved(images: torch.Tensor, zoom: torch.Tensor, shift: torch.Tensor, whole_pixels: bool) -> torch.Tensor:
    """Zoom and shift. Borders are repeated. With a shift by whole pixels alone, images stay as sharp as they are."""
    height, width = images.shape[2:]
    shifts = [shift[:, :1], shift[:, 1:]]
    if whole_pixels:
        shifts = [(one * side).round() / side for one, side in zip(shifts, (height, width), strict=True)]
    if height == width:  # both matrices in the kernels of one
        both = interpolation_matrix(width, zoom[:, None], torch.stack(shifts, dim=1))
        rows, columns = both.unbind(1)
    else:
        rows, columns = (interpolation_matrix(s, zoom, one) for s, one in zip((height, width), shifts, strict=True))
    return rows[:, None] @ images @ columns[:, None].mT


def interpolation_matrix(size: int, zoom: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Bilinear weights (..., size, size) that sample one axis at (x - centre) / zoom + centre + shift.

    `zoom` and `shift` are (..., 1). They act on each axis separately. So two small matrix products replace grid_sample,
    and their backward pass is deterministic on CUDA too.
    """
    positions = torch.arange(size, device=zoom.device, dtype=torch.float32)
    centre = (size - 1) / 2
    sources = ((positions - centre) / zoom + centre + shift * size).clamp(0, size - 1)
    return (1 - (sources[..., None] - positions).abs()).clamp(min=0)


def _place(draws: Draws) -> tuple[torch.Tensor]:
    return (draws.uniform(0, 1, 2, 1),)


def _blanked(images: torch.Tensor, centre: torch.Tensor, share: float) -> torch.Tensor:
    """Blank a square with `share` of the side, centred at a random place of the image."""
    height, width = images.shape[2:]
    rows = (torch.arange(height, device=images.device) - centre[:, 0] * height).abs() < share * height / 2
    columns = (torch.arange(width, device=images.device) - centre[:, 1] * width).abs() < share * width / 2
    hole = (rows[:, :, None] & columns[:, None, :])[:, None]
    return images.masked_fill(hole, 0.0)
