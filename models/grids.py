"""Images as pixels: uint8 and float, grids of images in one PNG, and JPEG by libjpeg."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image


def grid_labels(
    num_classes: int, rows: int = 8, max_columns: int = 10, classes: Sequence[int] = ()
) -> tuple[int, torch.Tensor]:
    """Number of columns, and the label of each cell (rows * columns,): one class per column, in order.

    `classes` are the classes that may have a column; empty: all. They do not matter where there is no class.
    """
    columns = min(len(classes) or num_classes, max_columns) if num_classes > 1 else rows
    shown = torch.tensor(classes[:columns]) if classes and num_classes > 1 else torch.arange(columns)
    return columns, (shown % max(num_classes, 1)).repeat(rows)


def real_grid(images: np.ndarray, labels: np.ndarray, num_classes: int, classes: Sequence[int] = ()) -> bytes:
    """PNG of real `images` (N, C, H, W), arranged like the grids of generated images; missing cells are white."""
    columns, cells = grid_labels(num_classes, classes=classes)
    if num_classes < 2:
        return grid_png(images[: len(cells)], columns)
    by_class = {label: iter(np.flatnonzero(labels == label)) for label in set(cells.tolist())}
    chosen = [next(by_class[label], None) for label in cells.tolist()]
    blank = np.full_like(images[0], 255)
    return grid_png(np.stack([blank if index is None else images[index] for index in chosen]), columns)


def contact_sheet(images: np.ndarray, change: Callable[[torch.Tensor], torch.Tensor], copies: int = 7) -> bytes:
    """PNG with one row for each of the uint8 `images` (N, C, H, W): the image, then `copies` results of `change`."""
    originals = to_float(torch.from_numpy(np.ascontiguousarray(images)))
    columns = [originals, *(change(originals) for _ in range(copies))]
    cells = torch.stack(columns, dim=1).flatten(0, 1)
    return grid_png(to_uint8(cells).numpy(), len(columns))


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """Float images in [-1, 1] to uint8, rounded to nearest."""
    return (images * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)


def to_float(images: torch.Tensor) -> torch.Tensor:
    """uint8 images to float32 in [-1, 1]."""
    return images.to(torch.float32) / 127.5 - 1


def grid_png(images: np.ndarray, columns: int, gap: int = 2) -> bytes:
    """PNG of uint8 `images` (N, C, H, W), C 1 or 3, in rows of `columns`, with `gap` white pixels between them."""
    num_images, channels, height, width = images.shape
    rows = -(-num_images // columns)
    canvas = np.full((channels, rows * (height + gap) + gap, columns * (width + gap) + gap), 255, np.uint8)
    for index, image in enumerate(images):
        top = gap + index // columns * (height + gap)
        left = gap + index % columns * (width + gap)
        canvas[:, top : top + height, left : left + width] = image
    return encode_png(canvas)


def encode_png(image: np.ndarray) -> bytes:
    """PNG bytes of one uint8 image (C, H, W), C 1 or 3."""
    return _encode(image, "PNG").getvalue()


def through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """One uint8 image (C, H, W), C 1 or 3, saved as JPEG by libjpeg with its default chroma subsampling and decoded."""
    decoded = np.asarray(Image.open(_encode(image, "JPEG", quality=quality), formats=["JPEG"]))
    return decoded[None] if decoded.ndim == 2 else decoded.transpose(2, 0, 1)


def _encode(image: np.ndarray, format: str, **options: Any) -> io.BytesIO:
    buffer = io.BytesIO()
    Image.fromarray(image[0] if image.shape[0] == 1 else image.transpose(1, 2, 0)).save(buffer, format, **options)
    return buffer
