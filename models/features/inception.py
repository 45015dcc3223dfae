"""Inception v3 as in the Fréchet Inception Distance: the feature net whose scores are called FID and KID.

This is TensorFlow's network of 2015, with the weights and layer names that torch-fidelity publishes
(weights-inception-2015-12-05-6726825d.pth, Apache-2.0). It differs from other versions of Inception v3: average pooling
does not count padding, and the last block uses max pooling. Images are resized by PIL's antialiased bicubic filter, as
in Parmar et al. 2022 ("clean FID"). Older literature used TensorFlow's bilinear filter, so its scores differ slightly.
"""

import io
import pickle
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from models.errors import FeatureNetError
from models.features.efficientnet import fold_batch_norms
from models.features.feature_net import FID_NET, FeatureNet, to_rgb
from models.features.weights_file import read_weights

INPUT_SIZE = 299
NUM_LOGITS = 1008
# Kernel height and width, stride, padding of height and width.
KERNELS = {
    "1": (1, 1, 1, 0, 0),
    "3": (3, 3, 1, 1, 1),
    "5": (5, 5, 1, 2, 2),
    "1x3": (1, 3, 1, 0, 1),
    "3x1": (3, 1, 1, 1, 0),
    "1x7": (1, 7, 1, 0, 3),
    "7x1": (7, 1, 1, 3, 0),
    "3 bare": (3, 3, 1, 0, 0),
    "3 halving": (3, 3, 2, 0, 0),
}
POOLS = {
    "average": lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False),
    "maximum": lambda x: F.max_pool2d(x, 3, 1, 1),
    "halving": lambda x: F.max_pool2d(x, 3, 2),
}
Step = tuple[str, int, str]  # name, channels out, kernel
Branch = tuple[str, list[Step], list[Step]]  # pool before it or "", convolutions in sequence, convolutions in parallel


def _chain(name: str, *steps: tuple[int, str]) -> list[Step]:
    """Convolutions in sequence, numbered from 1."""
    return [(f"{name}_{i}", channels, kernel) for i, (channels, kernel) in enumerate(steps, 1)]


def _block_a(pooled: int) -> list[Branch]:
    return [
        ("", [("branch1x1", 64, "1")], []),
        ("", _chain("branch5x5", (48, "1"), (64, "5")), []),
        ("", _chain("branch3x3dbl", (64, "1"), (96, "3"), (96, "3")), []),
        ("average", [("branch_pool", pooled, "1")], []),
    ]


def _block_b() -> list[Branch]:
    return [
        ("", [("branch3x3", 384, "3 halving")], []),
        ("", _chain("branch3x3dbl", (64, "1"), (96, "3"), (96, "3 halving")), []),
        ("halving", [], []),
    ]


def _block_c(c: int) -> list[Branch]:
    return [
        ("", [("branch1x1", 192, "1")], []),
        ("", _chain("branch7x7", (c, "1"), (c, "1x7"), (192, "7x1")), []),
        ("", _chain("branch7x7dbl", (c, "1"), (c, "7x1"), (c, "1x7"), (c, "7x1"), (192, "1x7")), []),
        ("average", [("branch_pool", 192, "1")], []),
    ]


def _block_d() -> list[Branch]:
    return [
        ("", _chain("branch3x3", (192, "1"), (320, "3 halving")), []),
        ("", _chain("branch7x7x3", (192, "1"), (192, "1x7"), (192, "7x1"), (192, "3 halving")), []),
        ("halving", [], []),
    ]


def _block_e(pool: str) -> list[Branch]:
    def fork(name: str) -> list[Step]:
        return [(f"{name}a", 384, "1x3"), (f"{name}b", 384, "3x1")]

    return [
        ("", [("branch1x1", 320, "1")], []),
        ("", _chain("branch3x3", (384, "1")), fork("branch3x3_2")),
        ("", _chain("branch3x3dbl", (448, "1"), (384, "3")), fork("branch3x3dbl_3")),
        (pool, [("branch_pool", 192, "1")], []),
    ]


STEM: list[Step | str] = [
    ("Conv2d_1a_3x3", 32, "3 halving"),
    ("Conv2d_2a_3x3", 32, "3 bare"),
    ("Conv2d_2b_3x3", 64, "3"),
    "halving",
    ("Conv2d_3b_1x1", 80, "1"),
    ("Conv2d_4a_3x3", 192, "3 bare"),
    "halving",
]
BLOCKS: dict[str, list[Branch]] = {
    "Mixed_5b": _block_a(32),
    "Mixed_5c": _block_a(64),
    "Mixed_5d": _block_a(64),
    "Mixed_6a": _block_b(),
    "Mixed_6b": _block_c(128),
    "Mixed_6c": _block_c(160),
    "Mixed_6d": _block_c(160),
    "Mixed_6e": _block_c(192),
    "Mixed_7a": _block_d(),
    "Mixed_7b": _block_e("average"),
    "Mixed_7c": _block_e("maximum"),
}


class Convolution(nn.Module):
    """Convolution without bias, BatchNorm, ReLU."""

    def __init__(self, before: int, after: int, kernel: str) -> None:
        super().__init__()
        height, width, stride, pad_height, pad_width = KERNELS[kernel]
        self.conv = nn.Conv2d(before, after, (height, width), stride, (pad_height, pad_width), bias=False)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.bn(self.conv(x)))


class Block(nn.Module):
    """Parallel branches of one feature map; their results are concatenated along the channels."""

    def __init__(self, before: int, branches: list[Branch]) -> None:
        super().__init__()
        self.branches = branches
        self.channels = 0
        for _, row, side in branches:
            inside = before
            for name, after, kernel in row:
                self.add_module(name, Convolution(inside, after, kernel))
                inside = after
            for name, after, kernel in side:
                self.add_module(name, Convolution(inside, after, kernel))
            self.channels += sum(after for _, after, _ in side) or inside

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([part for branch in self.branches for part in self._run(branch, x)], 1)

    def _run(self, branch: Branch, x: torch.Tensor) -> list[torch.Tensor]:
        pool, row, side = branch
        if pool:
            x = POOLS[pool](x)
        for name, _, _ in row:
            x = self.get_submodule(name)(x)
        return [self.get_submodule(name)(x) for name, _, _ in side] or [x]


class InceptionV3(nn.Module):
    """Images (N, 3, 299, 299) in [-1, 1) to features (N, 2048)."""

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for step in STEM:
            if not isinstance(step, str):
                name, after, kernel = step
                self.add_module(name, Convolution(channels, after, kernel))
                channels = after
        for name, branches in BLOCKS.items():
            block = Block(channels, branches)
            self.add_module(name, block)
            channels = block.channels
        self.fc = nn.Linear(channels, NUM_LOGITS)  # in the file, but not used here

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for step in STEM:
            x = POOLS[step](x) if isinstance(step, str) else self.get_submodule(step[0])(x)
        for name in BLOCKS:
            x = self.get_submodule(name)(x)
        return x.mean((2, 3))


class Inception(FeatureNet):
    """The FID network as a feature net: 2048 features after global average pooling.

    Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule". Raises FeatureNetError for an input size other
    than 299, or a file without this network.
    """

    name = "inception"
    label = FID_NET
    num_features = 2048

    def __init__(self, weights: Path, input_size: int = 0, device: str | torch.device = "cpu") -> None:
        if input_size not in (0, INPUT_SIZE):
            raise FeatureNetError(f"input_size is {input_size}, but FID is defined at {INPUT_SIZE}: leave it at 0")
        self.input_size, self.device = INPUT_SIZE, torch.device(device)
        content, self.sha256 = read_weights(weights)
        net = InceptionV3()
        try:
            net.load_state_dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
        except (RuntimeError, pickle.UnpicklingError, TypeError, AttributeError, EOFError) as error:
            raise FeatureNetError(
                f"{weights} is not the FID network ({str(error).splitlines()[0]}); expected torch-fidelity's "
                "weights-inception-2015-12-05-6726825d.pth"
            ) from error
        self.net = fold_batch_norms(net.eval().requires_grad_(False)).to(self.device, memory_format=torch.channels_last)

    def extract(self, pixels: torch.Tensor) -> torch.Tensor:
        inputs = (to_rgb(pixels) - 128) / 128
        features: torch.Tensor = self.net(inputs.contiguous(memory_format=torch.channels_last))
        return features
