"""Ways of mapping bytes to what a network makes, and back."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from models.features.feature_net import Array
from models.grids import to_float, to_uint8
from tasks.study.preprocessing.choice import NO_SETTING, Choice, Plan

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def ranges(images: Array) -> Iterator[Plan]:
    """Ways of mapping bytes to what a network makes, and back."""
    group = "Range of values"
    pixels = torch.from_numpy(images)
    rows = [
        ("[-1, 1] for tanh, and back", "fixed", "as in the pipeline", to_uint8(to_float(pixels)).numpy()),
        ("[-1, 1] in bfloat16", NO_SETTING, "sign and 8 bits of mantissa tell all bytes apart", _in_bfloat16(pixels)),
        ("cut off, not rounded, to bytes", NO_SETTING, "values between two bytes, taken down", _cut_off(images)),
        ("ImageNet's mean and deviation", NO_SETTING, "no tanh makes what lies outside [-1, 1]", _clipped(pixels)),
    ]
    for name, setting, note, made in rows:
        yield Choice(group=group, name=name, setting=setting, note=note), partial(np.asarray, made)


def _in_bfloat16(pixels: torch.Tensor) -> Array:
    return to_uint8(to_float(pixels).to(torch.bfloat16).float()).numpy()


def _cut_off(images: Array) -> Array:
    """Bytes of values that lie anywhere within half a step of the images', as a generator's do, rounded down."""
    near = np.random.default_rng(0).uniform(-0.5, 0.5, images.shape)
    return np.floor(np.clip(images + near, 0, 255)).astype(np.uint8)


def _clipped(pixels: torch.Tensor) -> Array:
    """What is left of images that are normalised by ImageNet's mean and deviation where only [-1, 1] can be made."""
    channels = slice(None) if pixels.shape[1] == 3 else slice(0, 1)
    mean = torch.tensor(IMAGENET_MEAN)[channels].view(1, -1, 1, 1)
    std = torch.tensor(IMAGENET_STD)[channels].view(1, -1, 1, 1)
    reached = ((pixels / 255 - mean) / std).clamp(-1, 1)
    return ((reached * std + mean) * 255).round().clamp(0, 255).to(torch.uint8).numpy()
