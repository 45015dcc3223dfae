"""Feature nets: images in, feature vectors out, for the scores that compare two sets of images.

A feature net is identified by its name, the sha256 of its weights, its input size and its resize filter. Each of them
changes every score, so all four are part of the protocol (models/metrics/protocol.py). The list of feature nets is in
models/features/nets.py.
"""

import abc
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from typing_extensions import TypeIs

from models.compute.device import without_tf32
from models.errors import FeatureNetError

Array = npt.NDArray[Any]
Images = torch.Tensor | Array | Iterable[torch.Tensor | Array]  # all images in one array, or batches
Progress = Callable[[int, int], None]  # images done, and their total

RESIZE_FILTER = "bicubic-antialias-float"
FID_NET = "Inception"  # the feature net whose distances are called FID and KID


class FeatureNet(abc.ABC):
    """Takes uint8 NCHW images and returns float32 NC features on the CPU.

    `label` is the net's part of a score's name ("FD-<label>"). The features of an image never depend on the other
    images of its batch.
    """

    name: str
    label: str
    sha256: str
    num_features: int
    input_size: int
    input_shape: tuple[int, int] | None = None  # rows and columns of a net whose input is not square
    device: torch.device
    resize_filter = RESIZE_FILTER

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """The features of a batch: uint8 [N, 1 or 3, H, W] -> float32 [N, num_features] on the CPU."""
        check_images(images)
        # Without TF32, features are equal on every device. `enabled` is False by default there, which is slow.
        cudnn = torch.backends.cudnn.flags(enabled=True, deterministic=True)
        with torch.inference_mode(), cudnn, without_tf32():
            size = self.input_shape or (self.input_size, self.input_size)
            return self.extract(resize(images.to(self.device), size)).cpu()

    @abc.abstractmethod
    def extract(self, pixels: torch.Tensor) -> torch.Tensor:
        """The features of float pixels [N, 1 or 3, input_size, input_size] in 0..255, on the net's device."""


def resize(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize images with PIL's bicubic filter, with antialiasing and without rounding in between.

    uint8 or float NCHW in 0..255 -> float32 [N, C, *size] in 0..255. An image of another aspect is stretched.
    PyTorch's default does not widen the filter when it shrinks an image; that alone moved a published FID from 2.98 to
    9.80 (Parmar et al. 2022, "On Aliased Resizing", who also advise against rounding before the net). The largest
    difference to PIL's resize of float images is below 0.01 of 255 (tested).
    """
    pixels = images.to(torch.float32)
    if pixels.shape[-2:] != size:
        pixels = F.interpolate(pixels, size, mode="bicubic", antialias=True, align_corners=False)
    return pixels.clamp(0, 255)  # bicubic overshoots at edges; an image file cannot hold such values


def compute_features(
    images: Images,
    net: FeatureNet,
    batch_size: int = 16,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Array:
    """The features, float32 [N, C], of uint8 NCHW images in one array, or in batches of any size.

    See `compute_all_features` for the arguments.
    """
    return compute_all_features(images, [net], batch_size, limit, progress)[0]


def compute_all_features(
    images: Images,
    nets: Sequence[FeatureNet],
    batch_size: int = 16,
    limit: int | None = None,
    progress: Progress | None = None,
) -> list[Array]:
    """The features of the same images in several nets, one array [N, C] for each net. Images are taken only once.

    Stops after `limit` images, and takes no more batches from the iterable than it needs. `progress` receives the
    images done and their total (the images done, where the total is unknown).
    """
    found: list[list[Array]] = [[] for _ in nets]
    done, total = 0, limit or (len(images) if _is_array(images) else 0)
    for batch in _rebatch(images, batch_size, limit):
        for net, parts in zip(nets, found, strict=True):
            parts.append(net(batch).numpy())
        done += len(batch)
        if progress is not None:
            progress(done, max(total, done))
    empty = [np.empty((0, net.num_features), np.float32) for net in nets]
    return [np.concatenate(parts) if parts else none for parts, none in zip(found, empty, strict=True)]


def _rebatch(images: Images, size: int, limit: int | None) -> Iterator[torch.Tensor]:
    left = sys.maxsize if limit is None else limit
    for batch in [images] if _is_array(images) else images:
        end = min(left, len(batch))
        for start in range(0, end, size):
            part = batch[start : min(start + size, end)]
            # The copy is for read-only arrays, about which torch would warn.
            yield part if isinstance(part, torch.Tensor) else torch.from_numpy(np.array(part))
        left -= end
        if left <= 0:
            return


def _is_array(images: Images) -> TypeIs[torch.Tensor | Array]:
    return isinstance(images, torch.Tensor | np.ndarray)


def to_rgb(images: torch.Tensor) -> torch.Tensor:
    """Repeat the channel of grey images three times."""
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


def check_images(images: torch.Tensor) -> None:
    """Raise FeatureNetError unless images are uint8 [N, 1 or 3, H, W]."""
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise FeatureNetError(
            f"images are {images.dtype} of shape {tuple(images.shape)}; a feature net takes torch.uint8 "
            "of shape [N, 1 or 3, H, W] (convert network outputs in [-1, 1] to bytes first)"
        )
