"""Digits and emoji at 32x32, clean and as JPEG: the same training images, the same clean val split."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.collections.sharded import HOME, SOURCES, channels, sharded
from models.compute.draws import mixed_seed
from shards import Dataset, ShardConfig, build

# Digits are grey: there is no chroma to subsample.
JPEG: dict[str, dict[str, Any]] = {"digits": {}, "emoji": {"subsampling": "4:2:0"}}


def clean(collection: str) -> Dataset:
    """The clean images, with their train and val splits."""
    return sharded(collection, 32)


def compressed(collection: str, quality: int, *, as_png: bool) -> Dataset:
    """The clean training images as JPEG files of this quality, in one split.

    With `as_png` the same pixels are saved anew as PNG, so that the files do not tell any more.
    """
    name = f"{collection}-q{quality}{'-png' if as_png else ''}"
    folder = SOURCES / name
    done = folder.with_suffix(".complete")
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        write_files(collection, quality, folder, as_png=as_png)
        done.touch()
    settings = {
        "resolution": 32,
        "channels": channels(collection),
        "encoding": "original",
        "val_fraction": 0,
        "labels": "folders",
    }
    return Dataset.open(build(ShardConfig(source=str(folder), dataset=name, **settings), HOME).manifest)


def write_files(collection: str, quality: int, folder: Path, *, as_png: bool) -> None:
    """Every training image as a file in the folder of its class."""
    dataset = clean(collection)
    split, labels = dataset.open_split("train"), dataset.labels
    for key, pixels, label in zip(split.keys, split.images, split.labels, strict=True):
        path = folder / labels[label] / f"{key}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        image.save(path, quality=quality, **JPEG[collection])
        if as_png:
            with Image.open(path) as decoded:
                decoded.save(path.with_suffix(".png"))
            path.unlink()


def some_of(dataset: Dataset, count: int, seed: int = 0) -> np.ndarray:
    """So many training images, uint8 NCHW, the same ones each time."""
    images = dataset.open_split("train").images
    return images[np.random.default_rng(mixed_seed(seed)).permutation(len(images))[:count]]
