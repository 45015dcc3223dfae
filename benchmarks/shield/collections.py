"""Digits and emoji at 16x16: a trusted part, the rest that arrives unseen, and clean images to score on."""

from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.collections.sharded import channels, sharded
from models.grids import to_float, to_uint8
from models.networks.families import NetworkSpec
from models.shield.shield import Trusted

# Emoji are as varied as they are few: half of 800 teach a head too little, and the tail of their scores is long.
NUM_TRUSTED = {"digits": 800, "emoji": 1600}
SHIELDS: dict[str, dict[str, Any]] = {
    "digits": {"false_positive_rate": 0.0025},
    "emoji": {"false_positive_rate": 0.0075, "first_steps": 2400},
}


@dataclass(frozen=True)
class Collection:
    """uint8 images: trusted ones, those that arrive (`images`, `labels`), clean val ones, and another domain's."""

    name: str
    spec: NetworkSpec
    trusted: Trusted
    images: torch.Tensor
    labels: torch.Tensor
    val: torch.Tensor
    val_labels: torch.Tensor
    foreign: torch.Tensor


def load(name: str) -> Collection:
    """One of the two; its images are made and sharded if they are not there."""
    train, val = (split(name, part) for part in ("train", "val"))
    other, _ = split("emoji" if name == "digits" else "digits", "val")
    spec = NetworkSpec(family="dcgan", resolution=16, channels=channels(name), num_classes=10, latent_dim=64, width=16)
    trusted = NUM_TRUSTED[name]  # samples lie in the order of their hashes: the first ones are a fair choice
    return Collection(
        name,
        spec,
        Trusted(train[0][:trusted], train[1][:trusted]),
        train[0][trusted:],
        train[1][trusted:],
        *val,
        with_channels(other, channels(name)),
    )


def split(name: str, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 images and labels of one split."""
    loaded = sharded(name, 16, f"{name}16").open_split(part)
    return torch.from_numpy(loaded.images), torch.from_numpy(loaded.labels)


def with_channels(images: torch.Tensor, wanted: int) -> torch.Tensor:
    """uint8 images in grey or in colour."""
    if wanted == 1:
        return to_uint8(to_float(images).mean(dim=1, keepdim=True))
    return images.expand(-1, wanted, -1, -1)
