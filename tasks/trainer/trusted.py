"""The images that a shield trusts. They are found when a training is planned, and read when it starts.

Imports neither Prefect nor MLflow: the trainer uses this file.
"""

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from models import Settings
from models.errors import ConfigError
from models.networks.spec import NetworkSpec
from models.training.config import TrainConfig
from shards import Dataset
from shards.layout.identity import sample_key
from tasks.errors import RequestError

if TYPE_CHECKING:
    from models.shield.shield import Trusted

__all__ = ["TrustedImages", "find_trusted", "load_trusted", "parse_digests"]

SHA256 = re.compile(r"[0-9a-f]{64}")


class TrustedImages(Settings):
    """The trusted samples, fixed by version: splits of a dataset version, or only the samples `keys` of them."""

    manifest: str
    version: str
    splits: tuple[str, ...]
    keys: tuple[str, ...] = ()

    def identity(self) -> str:
        """Return text that identifies the images."""
        keys = hashlib.sha256(" ".join(self.keys).encode()).hexdigest()
        return f" trusted {self.version} {' '.join(self.splits)} {keys}"


def find_trusted(config: TrainConfig, dataset: Dataset, network: NetworkSpec, root: str) -> TrustedImages | None:
    """Find the images that `train.shield.trusted` names. Return None if there is no shield. No image is read.

    Raises RequestError if nothing has this name, or if the images do not fit the dataset. Raises ConfigError
    if there are too few images for the false positive rate.
    """
    if config.shield.policy == "off":
        return None
    if "discriminator" not in network.build_networks():
        raise ConfigError(f"train.shield.policy is gate, but family {network.family} has no discriminator: use dcgan")
    name = config.shield.trusted
    splits: tuple[str, ...]
    keys: tuple[str, ...]
    if name == "val":
        trusted, splits, keys = dataset, ("val",), ()
    elif Path(name).is_file() and Path(name).suffix != ".json":
        trusted, splits, keys = dataset, ("train", "val"), _read_listing(Path(name))
    else:
        trusted, splits, keys = Dataset.open(name, root), ("train",), ()
        _check_alike(trusted, dataset, network)
    _check_number(len(keys) or sum(map(trusted.num_samples, splits)), config)
    return TrustedImages(manifest=trusted.uri, version=trusted.manifest.version, splits=splits, keys=keys)


def load_trusted(found: TrustedImages) -> "Trusted":
    """Read the images and check each shard against the manifest. Raises RequestError if the list names others."""
    import numpy as np  # plans without a shield need neither NumPy nor torch
    import torch

    from models.shield.shield import Trusted

    dataset = Dataset.open(found.manifest)
    images, labels, keys = [], [], list[str]()
    for split in found.splits:
        loaded = dataset.open_split(split)
        images.append(loaded.images)
        labels.append(loaded.labels)
        keys += loaded.keys
    everything, classes = np.concatenate(images), np.concatenate(labels)
    if found.keys:
        place = {key: number for number, key in enumerate(keys)}
        if missing := [key for key in found.keys if key not in place]:
            raise RequestError(
                f"train.shield.trusted names {len(missing)} images that {found.manifest} does not contain. The first "
                f"one has sha256 {missing[0]}...: list sha256 of source files, as in samples.parquet"
            )
        rows = [place[key] for key in found.keys]
        everything, classes = everything[rows], classes[rows]
    return Trusted(torch.from_numpy(everything), torch.from_numpy(classes))


def _read_listing(path: Path) -> tuple[str, ...]:
    """Return the keys of the digests in a file."""
    if not (digests := parse_digests(path.read_text(), f"train.shield.trusted: {path}")):
        raise RequestError(f"train.shield.trusted: {path} names no image: give one sha256 of a source file per line")
    return tuple(map(sample_key, digests))


def _check_alike(trusted: Dataset, dataset: Dataset, network: NetworkSpec) -> None:
    theirs, ours = ((one.manifest.size, one.manifest.channels) for one in (trusted, dataset))
    if ours != theirs or (network.num_classes and trusted.labels != dataset.labels):
        raise RequestError(
            f"train.shield.trusted: {trusted.name} is of {theirs[0]} pixels, {theirs[1]} channels and labels "
            f"{trusted.labels}, {dataset.name} of {ours[0]}, {ours[1]} and {dataset.labels}: build both alike"
        )


def _check_number(number: int, config: TrainConfig) -> None:
    from models.shield.measures import images_needed
    from models.shield.shield import num_held_out

    held_out, rate = num_held_out(number, config.shield), config.shield.false_positive_rate
    if held_out < images_needed(rate):
        raise ConfigError(
            f"train.shield.trusted: {number} images, of which {held_out} are held out; a false positive rate of {rate} "
            f"needs {images_needed(rate)} held out: give more, or raise train.shield.false_positive_rate"
        )


def parse_digests(text: str, name: str) -> list[str]:
    """Return the distinct digests in `text`, in order. Raises RequestError, with the list's `name`, for other text."""
    lines = {line.partition("#")[0].strip().lower() for line in text.splitlines()}
    digests = sorted(lines - {""})
    if wrong := [digest for digest in digests if not SHA256.fullmatch(digest)]:
        raise RequestError(f"{name} has {wrong[0]!r}: expected one sha256 of 64 hexadecimal digits per line")
    return digests
