"""Scores of generators by both judges, on the device that they were trained on."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from models.features.cache import reference_features
from models.features.feature_net import Array, FeatureNet, compute_all_features
from models.features.nets import load_feature_net
from models.grids import to_uint8
from models.metrics.judges import FIRST_JUDGE, SECOND_JUDGE, second_name
from models.metrics.scores import Score, score_features
from shards import Manifest, Split

NUM_IMAGES, BATCH, SEED = 2000, 250, 0
SHOWN = 32  # images of a training's picture


class Judges(NamedTuple):
    """Both feature nets, with their features of the splits val and train."""

    nets: list[FeatureNet]
    val: list[Array]
    train: list[Array]
    labels: Array  # of the val split: generated images have the same classes


class Decoded(NamedTuple):
    """A collection in memory."""

    manifest: Manifest
    train: Split
    val: Split


def judges(collection: Decoded, device: torch.device, cache: Path, input_size: int) -> Judges:
    """Load both judges; the real images' features are computed where the cache does not have them."""
    nets = [load_feature_net(name, input_size, device) for name in (FIRST_JUDGE, SECOND_JUDGE)]

    def features(split: str, images: Split) -> list[Array]:
        key = f"{collection.manifest.name} {split} {len(images)}"
        return [reference_features(images.images, net, cache, key, BATCH) for net in nets]

    val, train = features("val", collection.val), features("train", collection.train)
    return Judges(nets, val, train, collection.val.labels)


def score_generator(generator: torch.nn.Module, asked: Judges, num_classes: int, num_images: int) -> dict[str, Any]:
    """Scores of a generator's images by both judges, with 95 % intervals."""
    images = generated(generator, asked.labels, num_classes, num_images)
    return score(compute_all_features(images, asked.nets, BATCH, num_images), asked)


def score_real(asked: Judges, num_images: int) -> dict[str, Any]:
    """What real training images score: as many as are generated, or all, chosen by the seed."""
    chosen = np.random.default_rng(SEED).permutation(len(asked.train[0]))[:num_images]
    return score([features[chosen] for features in asked.train], asked, is_real=True) | {"num_images": len(chosen)}


def score(features: list[Array], asked: Judges, is_real: bool = False) -> dict[str, Any]:
    """Scores of features against those of the val split. The first judge also looks for memorised images."""
    found: dict[str, Score] = {}
    for number, net in enumerate(asked.nets):
        train = None if number or is_real else asked.train[number]
        measured = score_features(features[number], asked.val[number], net.label, SEED, train=train, device=net.device)
        found |= {second_name(name, net.label) if number else name: one for name, one in measured.scores.items()}
    intervals = {name: one.interval for name, one in found.items() if one.interval}
    return {"scores": {name: one.value for name, one in found.items()}, "intervals": intervals}


@torch.no_grad()
def generated(generator: torch.nn.Module, labels: Array, num_classes: int, num_images: int) -> Any:
    """uint8 batches on the generator's device; classes come in the shares of `labels`."""
    device = next(generator.parameters()).device
    numbers = torch.Generator().manual_seed(SEED)
    classes = torch.from_numpy(np.random.default_rng(SEED).choice(labels, num_images))
    for part in classes.split(BATCH):
        z = torch.randn(len(part), int(generator.latent_dim), generator=numbers)  # type: ignore[arg-type]
        yield to_uint8(generator(z.to(device), part.to(device) if num_classes else None))


@torch.no_grad()
def shown(generator: torch.nn.Module, num_classes: int) -> Array:
    """The images of a picture, uint8 (32, C, H, W): the same latents each time, one class after another."""
    device = next(generator.parameters()).device
    z = torch.randn(SHOWN, int(generator.latent_dim), generator=torch.Generator().manual_seed(SEED))  # type: ignore[arg-type]
    classes = (torch.arange(SHOWN) % max(num_classes, 1)).to(device) if num_classes else None
    return to_uint8(generator(z.to(device), classes)).cpu().numpy()
