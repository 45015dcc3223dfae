"""Real images made hard for a classifier: compressed, or moved by an adversary within bounds."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from models.classifier.classifier import Classifier, LabelledImages
from models.grids import to_float

Array = npt.NDArray[Any]
BATCH_SIZE = 256


class AttackConfig(BaseModel):
    """Projected gradient descent in the L-infinity ball (Madry et al. 2018, section 2.1)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epsilon: float = Field(
        4.0, gt=0, le=255, title="Radius", description="how far a pixel may move, in units of 0 to 255"
    )
    num_steps: int = Field(10, ge=1, le=1000, title="Steps", description="gradient steps from a random start")
    step_size: float = Field(1.0, gt=0, le=255, title="Step", description="how far a step moves a pixel, 0 to 255")
    seed: int = Field(0, ge=0, lt=2**32, title="Seed", description="seeds the random starts")


def compress(images: Array, quality: int) -> Array:
    """Give uint8 NCHW images after a trip through JPEG of that quality (PIL's encoder, its own chroma subsampling)."""
    return np.stack([_through_jpeg(image, quality) for image in images])


def _through_jpeg(image: Array, quality: int) -> Array:
    file = io.BytesIO()
    Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(file, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(file))
    return decoded[None] if decoded.ndim == 2 else decoded.transpose(2, 0, 1)


def classify(net: Classifier, images: LabelledImages, device: str | torch.device = "cpu") -> Array:
    """Give whether each image [N] is classified as what it is."""
    hits = []
    with torch.inference_mode():
        for x, y in _batches(images, device):
            hits.append((net(x).argmax(1) == y).cpu().numpy())
    return np.concatenate(hits)


def attack(net: Classifier, images: LabelledImages, config: AttackConfig, device: str | torch.device = "cpu") -> Array:
    """Give whether each image [N] is still classified as what it is after the attack on this very network."""
    generator = torch.Generator(device).manual_seed(config.seed)
    radius, step = config.epsilon / 127.5, config.step_size / 127.5  # the networks' range is [-1, 1]
    hits = []
    for x, y in _batches(images, device):
        moved = x + torch.empty_like(x).uniform_(-radius, radius, generator=generator)
        for _ in range(config.num_steps):
            moved = moved.clamp(-1, 1).requires_grad_()
            (gradient,) = torch.autograd.grad(F.cross_entropy(net(moved), y), moved)
            moved = moved.detach() + step * gradient.sign()
            moved = x + (moved - x).clamp(-radius, radius)
        with torch.inference_mode():
            hits.append((net(moved.clamp(-1, 1)).argmax(1) == y).cpu().numpy())
    return np.concatenate(hits)


def _batches(images: LabelledImages, device: str | torch.device) -> list[tuple[torch.Tensor, torch.Tensor]]:
    places = range(0, len(images.labels), BATCH_SIZE)
    return [
        (
            to_float(torch.from_numpy(np.array(images.images[i : i + BATCH_SIZE])).to(device)),
            torch.from_numpy(images.labels[i : i + BATCH_SIZE].astype(np.int64)).to(device),
        )
        for i in places
    ]
