"""Sets of real images that are made worse in known steps. The eye's order of the steps is known without looking."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from models.classifier.hard_examples import compress

Images = npt.NDArray[np.uint8]

# From weak to strong. Radii of the blur are for images of 32 pixels.
ALTERED = {"blur": (0.4, 0.8, 1.6, 3.2), "noise": (10, 20, 40, 80), "JPEG": (50, 20, 10, 3)}
SELECTED = {"missing classes": (2, 4, 6, 8), "copies": (200, 100, 50, 20), "one image repeated": (0.1, 0.25, 0.5, 1.0)}
UNITS = {
    "blur": "radius in pixels of 32",
    "noise": "standard deviation of 255",
    "JPEG": "quality",
    "missing classes": "of 10",
    "copies": "different images",
    "one image repeated": "share of the set",
}


class Step(NamedTuple):
    """One set: its kind, its strength, and the place of that strength among the steps, from 1."""

    kind: str
    value: float
    step: int


def steps(kinds: dict[str, tuple[float, ...]]) -> Iterator[Step]:
    """Every step of these kinds."""
    for kind, values in kinds.items():
        for number, value in enumerate(values, 1):
            yield Step(kind, value, number)


def alter(images: Images, step: Step) -> Images:
    """The images, uint8 NCHW, made worse one by one."""
    if step.kind == "JPEG":
        return compress(images, int(step.value))
    if step.kind == "noise":
        noise = np.random.default_rng(0).normal(0, step.value, images.shape)
        return (images + noise).round().clip(0, 255).astype(np.uint8)
    blur = ImageFilter.GaussianBlur(step.value * images.shape[-1] / 32)
    return np.stack([_filtered(image, blur) for image in images])


def _filtered(image: Images, blur: ImageFilter.GaussianBlur) -> Images:
    mode = "L" if len(image) == 1 else "RGB"
    pixels = image[0] if mode == "L" else image.transpose(1, 2, 0)
    done = np.asarray(Image.fromarray(pixels, mode).filter(blur))
    return done[None] if mode == "L" else done.transpose(2, 0, 1)


def select(labels: npt.NDArray[np.int64], count: int, step: Step) -> npt.NDArray[np.int64]:
    """Which images of a pool with these labels make up the set: `count` places, some of them several times."""
    rng = np.random.default_rng(step.step)
    order = rng.permutation(len(labels))
    if step.kind == "missing classes":
        return order[labels[order] >= int(step.value)][:count]
    if step.kind == "copies":
        return np.resize(order[: int(step.value)], count)
    chosen = order[:count].copy()
    chosen[: round(step.value * count)] = chosen[0]
    return chosen
