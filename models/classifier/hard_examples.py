"""Hard examples for a classifier: real images that are compressed, or perturbed by an adversary."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from models.classifier.classifier import Classifier, LabelledImages
from models.classifier.config import AttackConfig
from models.compute.adversarial import pgd
from models.grids import through_jpeg, to_float

Array = npt.NDArray[Any]
BATCH_SIZE = 256


def compress(images: Array, quality: int) -> Array:
    """uint8 NCHW images after JPEG of this quality (libjpeg with its default chroma subsampling)."""
    return np.stack([through_jpeg(image, quality) for image in images])


def classify(net: Classifier, images: LabelledImages, device: str | torch.device = "cpu") -> Array:
    """Whether each image [N] is classified correctly."""
    return np.concatenate([_is_right(net, x, y) for x, y in _batches(images, device)])


def attack(net: Classifier, images: LabelledImages, config: AttackConfig, device: str | torch.device = "cpu") -> Array:
    """Whether each image [N] is still classified correctly after a PGD attack on this network."""
    generator = torch.Generator(device).manual_seed(config.seed)
    radius, step = config.epsilon / 127.5, config.step_size / 127.5  # the network takes values in [-1, 1]
    hits = []
    for x, y in _batches(images, device):

        def loss(moved: torch.Tensor, y: torch.Tensor = y) -> torch.Tensor:
            return F.cross_entropy(net(moved), y, reduction="none")

        noise = torch.empty_like(x).uniform_(-radius, radius, generator=generator)
        moved = pgd(x, loss, noise, epsilon=radius, steps=config.num_steps, step_size=step)
        hits.append(_is_right(net, moved, y))
    return np.concatenate(hits)


def _is_right(net: Classifier, x: torch.Tensor, y: torch.Tensor) -> Array:
    with torch.inference_mode():
        hits: Array = (net(x).argmax(1) == y).cpu().numpy()
    return hits


def _batches(images: LabelledImages, device: str | torch.device) -> list[tuple[torch.Tensor, torch.Tensor]]:
    places = range(0, len(images.labels), BATCH_SIZE)
    return [
        (
            to_float(torch.from_numpy(np.array(images.images[i : i + BATCH_SIZE])).to(device)),
            torch.from_numpy(images.labels[i : i + BATCH_SIZE].astype(np.int64)).to(device),
        )
        for i in places
    ]
