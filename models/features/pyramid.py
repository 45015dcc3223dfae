"""The feature maps of a frozen net at four scales, for discriminators that gradients pass through to the images."""

import hashlib
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F

from models.features.efficientnet import EfficientNetLite0, _build_efficientnet_lite0, _efficientnet_lite0_weights
from models.features.feature_net import to_rgb

NUM_SCALES = 4


class LitePyramid:
    """The maps of EfficientNet-Lite0 before each halving of the side: 24, 40, 112 and 320 channels, finest first.

    It takes images (N, 1 or 3, H, W) in [-1, 1] and resizes them to `input_size`, rows and columns. Its weights never
    change. It is no nn.Module, so a network that holds it neither saves nor trains it.
    """

    name = EfficientNetLite0.name

    def __init__(self, input_size: tuple[int, int], device: torch.device) -> None:
        weights = _efficientnet_lite0_weights()
        self.input_size = input_size
        self.sha256 = hashlib.sha256(weights).hexdigest()
        net: Any = pad_inside(_build_efficientnet_lite0(weights, input_size))
        self.stem = torch.nn.Sequential(net._conv_stem, net._swish).to(device)
        self.blocks = net._blocks.to(device)

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        pixels = to_rgb(images) * (127.5 / 128) + 0.5 / 128  # (pixel - 127) / 128, as the net was trained
        resized = F.interpolate(pixels, self.input_size, mode="bilinear", align_corners=False)
        x = self.stem(resized.contiguous(memory_format=torch.channels_last))
        maps = []
        for block in self.blocks:
            before, x = x, block(x)
            if x.shape[-1] != before.shape[-1]:
                maps.append(before)
        return [*maps, x][-NUM_SCALES:]


def pad_inside(net: torch.nn.Module) -> torch.nn.Module:
    """Let convolutions pad their maps themselves where the padding is the same on all sides.

    The package pads in an operation of its own, which copies the map. A step of training does so a hundred times.
    """
    for conv in net.modules():
        padding = getattr(getattr(conv, "static_padding", None), "padding", None)
        if isinstance(conv, torch.nn.Conv2d) and padding is not None and len(set(padding)) == 1:
            conv.padding = (padding[0], padding[0])
            conv.static_padding = torch.nn.Identity()
    return net


@cache
def load_pyramid(input_size: tuple[int, int], device: torch.device) -> LitePyramid:
    """The pyramid for this input size on this device, one for all networks of the process.

    Raises FeatureNetError where the weights are not installed.
    """
    return LitePyramid(input_size, device)
