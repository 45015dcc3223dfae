"""Forgeries made from real images. The head is trained on them and tested with them.

Each function in `FORGERIES` takes real images (N, C, H, W) in [-1, 1] and draws, and returns as many forged images.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from models.compute.draws import Draws

Forge = Callable[[torch.Tensor, Draws], torch.Tensor]


def patch(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Add a small square of random pattern, size and place: a backdoor trigger (Gu et al. 2017, BadNets)."""
    sides = _sides(images)
    size = (draws.uniform(0.15, 0.35, 1, 1, 1) * sides.min()).expand(-1, 2, 1, 1)
    place = draws.uniform(0, 1, 2, 1, 1)
    # Half of them are put in a corner, where triggers usually are.
    place = torch.where(draws.uniform(0, 1, 1, 1, 1) < 0.5, place.round(), place) * (sides - size)
    return torch.where(_inside(images, place, size)[:, None], _patterns(images, draws), images)


def blend(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Blend each image with another one, or with a pattern (Chen et al. 2017)."""
    ghost = torch.where(draws.uniform(0, 1, 1, 1, 1) < 0.5, _patterns(images, draws), _others(images))
    share = draws.uniform(0.2, 0.5, 1, 1, 1)
    return (1 - share) * images + share * ghost


def splice(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Replace everything on one side of a random line by another image."""
    rows, columns = (torch.linspace(-1, 1, side, device=images.device) for side in images.shape[2:])
    angle = draws.uniform(0, 2 * torch.pi, 1, 1)
    offset = draws.uniform(-0.4, 0.4, 1, 1)
    beyond = angle.cos() * rows[:, None] + angle.sin() * columns[None, :] > offset
    return torch.where(beyond[:, None], _others(images), images)


def foreign(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Make images of no domain: smooth fields, hard-edged shapes, or the tiles of the image in another order."""
    kind = draws.uniform(0, 3, 1, 1, 1).floor()
    smooth = _fields(images, draws)
    shapes = torch.where(smooth > draws.uniform(-0.5, 0.5, images.shape[1], 1, 1), 1.0, -1.0)
    return torch.where(kind == 0, smooth, torch.where(kind == 1, shapes, _shuffled_tiles(images, draws)))


def move(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Copy a rectangle of the image to another place of it, with another brightness (Li et al. 2021, CutPaste)."""
    sides = _sides(images)
    size = draws.uniform(0.15, 0.5, 2, 1, 1) * sides
    place = draws.uniform(0, 1, 2, 1, 1) * (sides - size)
    shift = draws.uniform(-0.5, 0.5, 2, 1).mul(sides[..., 0]).round().long() + sides[..., 0] // 4
    rows, columns = (
        (torch.arange(side, device=images.device) + shift[:, i]) % side for i, side in enumerate(images.shape[2:])
    )
    elsewhere = images.gather(2, rows[:, None, :, None].expand_as(images))
    elsewhere = elsewhere.gather(3, columns[:, None, None, :].expand_as(images))
    level = draws.uniform(-0.5, 0.5, images.shape[1], 1, 1)
    return torch.where(_inside(images, place, size)[:, None], (elsewhere + level).clamp(-1, 1), images)


FORGERIES: dict[str, Forge] = {"patch": patch, "blend": blend, "splice": splice, "move": move, "foreign": foreign}


def stamp(images: torch.Tensor, size: int) -> torch.Tensor:
    """Add the fixed trigger that tests use for poisoned collections: a checkerboard of pixels, lower right."""
    axis = torch.arange(size, device=images.device)
    board = ((axis[:, None] + axis) % 2 * 2 - 1).to(images.dtype)
    marked = images.clone()
    marked[..., -size:, -size:] = board
    return marked


def _inside(images: torch.Tensor, place: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """Masks (N, H, W) of rectangles; `place` is the upper left corner and `size` the sides, in pixels, (N, 2, 1, 1)."""
    (top, left), (height, width) = place.unbind(1), size.unbind(1)
    rows, columns = (torch.arange(side, device=images.device) + 0.5 for side in images.shape[2:])
    rows, columns = rows[:, None], columns[None, :]
    return (rows > top) & (rows < top + height) & (columns > left) & (columns < left + width)


def _sides(images: torch.Tensor) -> torch.Tensor:
    """Rows and columns of the images, (1, 2, 1, 1)."""
    return torch.tensor(images.shape[2:], device=images.device).reshape(1, 2, 1, 1)


def _others(images: torch.Tensor) -> torch.Tensor:
    """Another image of the batch for each image."""
    return images.roll(1, 0)


def _patterns(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """For each image (N, C, H, W): a flat colour, noise, a checkerboard of two colours, or stripes of two colours."""
    channels, cell = images.shape[1], draws.uniform(1, 4, 1, 1).floor()
    rows, columns = (torch.arange(side, device=images.device)[None, None] // cell for side in images.shape[2:])
    rows = rows.mT
    checks, stripes = (rows + columns) % 2 == 0, (rows + 0 * columns) % 2 == 0
    first, second = draws.uniform(-1, 1, channels, 1, 1), draws.uniform(-1, 1, channels, 1, 1)
    noise = draws.uniform(-1, 1, *images.shape[1:])
    kind = draws.uniform(0, 4, 1, 1, 1).floor()
    patterned = torch.where((kind == 2) & checks[:, None] | (kind == 3) & stripes[:, None], first, second)
    return torch.where(kind == 0, first, torch.where(kind == 1, noise, patterned))


def _fields(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Noise of 4 by 4 pixels, enlarged bilinearly."""
    coarse = draws.normal(images.shape[1], 4, 4)
    return F.interpolate(coarse, images.shape[2:], mode="bilinear", align_corners=False).clamp(-1, 1)


def _shuffled_tiles(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """The image with its four by four tiles in random order."""
    height, width = (side // 4 for side in images.shape[2:])
    tiles = images.unfold(2, height, height).unfold(3, width, width).flatten(2, 3)
    order = draws.uniform(0, 1, tiles.shape[2]).argsort(dim=1)[:, None, :, None, None].expand_as(tiles)
    whole: torch.Tensor = tiles.gather(2, order).reshape(*images.shape[:2], 4, 4, height, width).transpose(3, 4)
    return whole.reshape(images.shape)
