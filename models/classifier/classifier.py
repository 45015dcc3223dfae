"""A small classifier of the dataset's classes, trained on a fixed number of images seen.

It has two uses: its features measure how far generated images are from real ones (models/features/classifier_net.py),
and its accuracy measures whether generated images help to learn the classes (models/classifier/gain.py).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from models.classifier.config import ClassifierConfig
from models.compute.draws import mixed_seed
from models.errors import EvaluationError
from models.grids import to_float

Array = npt.NDArray[Any]
SMALLEST_MAP = 4
MAX_WIDTHS = 4  # the number of channels doubles at most this often


class LabelledImages(NamedTuple):
    """uint8 images [N, C, H, W] and their classes [N]."""

    images: Array
    labels: Array


class Classifier(nn.Module):
    """Images (N, C, H, W) in [-1, 1] to logits (N, num_classes); 3x3 convolutions, all but the first stride 2.

    Images are `resolution` high and `image_width` wide; 0: they are square.
    """

    def __init__(self, *, resolution: int, channels: int, num_classes: int, width: int, image_width: int = 0) -> None:
        super().__init__()
        self.arguments = {"resolution": resolution, "channels": channels, "num_classes": num_classes, "width": width}
        if image_width:  # files of square classifiers stay as they are
            self.arguments["image_width"] = image_width
        num_halvings = max(min(resolution, image_width or resolution) // SMALLEST_MAP, 1).bit_length() - 1
        widths = [width * 2 ** min(i, MAX_WIDTHS) for i in range(num_halvings + 1)]
        layers: list[nn.Module] = [*_convolution(channels, widths[0], stride=1)]
        for before, after in pairwise(widths):
            layers += _convolution(before, after, stride=2)
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(widths[-1], num_classes)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The features before the last layer, (N, C): averages over the last feature map."""
        features: torch.Tensor = self.layers(images)
        return features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.features(images))
        return logits


def _convolution(before: int, after: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


def train_classifier(
    sources: Sequence[LabelledImages],
    num_classes: int,
    config: ClassifierConfig,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Classifier:
    """Train on `config.nimg` images and return the classifier in evaluation mode. Sources share each batch equally.

    So sources of unequal size have equal weight, and one or two sources cost the same. The same images, config, device
    and number of threads give the same bits. `progress` receives the images seen and their total. Raises
    EvaluationError for sources that are empty or do not fit together.
    """
    _check_sources(sources, num_classes)
    _, channels, rows, columns = sources[0].images.shape
    image_width = columns if columns != rows else 0
    # The caller's random number generator is not changed.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixed_seed(config.seed, 0))
        net = Classifier(
            resolution=rows, image_width=image_width, channels=channels, num_classes=num_classes, width=config.width
        )
    net.to(device)
    num_steps = -(-config.nimg // config.batch_size)
    optimiser = torch.optim.AdamW(net.parameters(), config.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, num_steps)
    rng = np.random.default_rng(mixed_seed(config.seed, 1))
    orders = [_Order(len(source.labels), rng) for source in sources]
    for step in range(num_steps):
        images, labels = _batch(sources, orders, config.batch_size, device)
        loss = F.cross_entropy(net(images), labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if progress is not None:
            progress(min((step + 1) * config.batch_size, config.nimg), config.nimg)
    return net.eval().requires_grad_(False)


class _Order:
    """Indices of images: each appears once per epoch, and every epoch has a new random order."""

    def __init__(self, total: int, rng: np.random.Generator) -> None:
        self.total, self.rng = total, rng
        self.left = np.empty(0, np.int64)

    def take(self, count: int) -> Array:
        while len(self.left) < count:
            self.left = np.concatenate([self.left, self.rng.permutation(self.total)])
        taken, self.left = self.left[:count], self.left[count:]
        return taken


def _batch(
    sources: Sequence[LabelledImages], orders: Sequence[_Order], size: int, device: str | torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    counts = [size * (i + 1) // len(sources) - size * i // len(sources) for i in range(len(sources))]
    places = [order.take(count) for order, count in zip(orders, counts, strict=True)]
    images = np.concatenate([source.images[at] for source, at in zip(sources, places, strict=True)])
    labels = np.concatenate([source.labels[at] for source, at in zip(sources, places, strict=True)])
    return to_float(torch.from_numpy(images).to(device)), torch.from_numpy(labels.astype(np.int64)).to(device)


def _check_sources(sources: Sequence[LabelledImages], num_classes: int) -> None:
    if num_classes < 2:
        raise EvaluationError(f"a classifier needs at least two classes, but the dataset has {num_classes}")
    shapes = {source.images.shape[1:] for source in sources}
    if len(shapes) != 1:
        raise EvaluationError(f"images to train a classifier on have the shapes {shapes}; expected one shape")
    for source in sources:
        if not len(source.images) or len(source.images) != len(source.labels):
            raise EvaluationError(
                f"{len(source.images)} images with {len(source.labels)} labels; expected one label per image, "
                "and at least one image"
            )
        if source.labels.min() < 0 or source.labels.max() >= num_classes:
            raise EvaluationError(
                f"labels run from {source.labels.min()} to {source.labels.max()}; "
                f"with {num_classes} classes they must be 0 to {num_classes - 1}"
            )
