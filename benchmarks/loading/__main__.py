"""`python -m benchmarks.loading`: training batches a second, ours beside an image folder and webdataset, in one run.

Tiles of 256 x 256 cut from Debian's wallpaper photographs and stored as JPEG 95 are read as shuffled batches of 32
uint8 images NCHW, no augmentation. Each way reads for a few seconds after its first ten batches, three times in
turn. Nothing trains meanwhile, so all cores are the loader's. litdata is left out: it needs an environment of its own.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import webdataset
from PIL import Image
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from benchmarks.collections.photos import tiles
from benchmarks.harness.page import table, write_page
from shards import Dataset, ShardConfig, build
from tasks.trainer.batches import Data, open_data
from tasks.trainer.config import DataConfig

_SIDE, _BATCH, _SECONDS, _ROUNDS = 256, 32, 2.0, 3
_HEAD = ["way", "images/s, best of three", "all three", "CPU ms an image"]


class ImageFolder(TorchDataset[torch.Tensor]):
    """What everybody starts with: one file an image."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.iterdir())

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        return decoded(Image.open(self.paths[index]))


def decoded(image: Image.Image) -> torch.Tensor:
    """uint8 CHW."""
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def folder_batches(folder: Path, workers: int) -> Iterator[Any]:
    loader = DataLoader(
        ImageFolder(folder), _BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0, drop_last=True
    )
    while True:
        yield from loader


def webdataset_batches(manifest: str, workers: int) -> Iterator[Any]:
    urls = sorted(str(path) for path in Path(manifest).parent.glob("train-*.tar"))
    dataset = (
        webdataset.WebDataset(urls, shardshuffle=False, resampled=True)
        .shuffle(1000)
        .decode("pil")
        .map(lambda sample: decoded(sample["jpg"]))
        .batched(_BATCH, partial=False)
    )
    return iter(DataLoader(dataset, batch_size=None, num_workers=workers))


def ours(manifest: str, mode: str, workers: int = -1) -> Data:
    config = DataConfig.model_validate({"mode": mode, "workers": workers, "shuffle_buffer": 1000})
    return open_data(config, Dataset.open(manifest), batch_size=_BATCH, seed=0)


def rate(batches: Iterator[Any]) -> tuple[float, float]:
    """Images a second, and this process's CPU milliseconds an image, after the first ten batches."""
    for _ in range(10):
        next(batches)
    began, cpu, count = time.perf_counter(), time.process_time(), 0
    while (seconds := time.perf_counter() - began) < _SECONDS:
        next(batches)
        count += _BATCH
    return count / seconds, (time.process_time() - cpu) / count * 1000


def main() -> None:
    """Run everything and write benchmarks/results/loading.md."""
    folder = tiles()
    count = len(list(folder.iterdir()))
    with tempfile.TemporaryDirectory(prefix="bench-loading-") as root:
        settings = ShardConfig(
            source=str(folder),
            dataset="tiles",
            resolution=_SIDE,
            encoding="original",
            samples_per_shard=200,
            val_fraction=0,
            labels="none",
            workers=2,
        )
        manifest = build(settings, root).manifest
        ways: dict[str, Callable[[], Iterator[Any]]] = {
            "image folder + DataLoader, 0 workers": lambda: folder_batches(folder, 0),
            "image folder + DataLoader, 2 workers": lambda: folder_batches(folder, 2),
            "webdataset, 0 workers": lambda: webdataset_batches(manifest, 0),
            "webdataset, 2 workers": lambda: webdataset_batches(manifest, 2),
            "ours, streaming, 0 workers": lambda: ours(manifest, "streaming").batches(0),
            "ours, streaming, 2 workers": lambda: ours(manifest, "streaming", 2).batches(0),
            "ours, resident": lambda: ours(manifest, "resident").batches(0),
        }
        # Round by round, so that a busy moment of the machine meets everybody alike.
        rates = [{name: rate(make()) for name, make in ways.items()} for _ in range(_ROUNDS)]
    rows = []
    for name in ways:
        seen = [one[name][0] for one in rates]
        # Workers' time is not this process's.
        cpu = "" if "2 workers" in name else f"{min(one[name][1] for one in rates):.3f}"
        rows.append([name, f"{max(seen):,.0f}", ", ".join(f"{value:,.0f}" for value in seen), cpu])
    about = (
        f"{count} photographs of {_SIDE} x {_SIDE}, JPEG 95, batches of {_BATCH}. Where the load average lies above "
        "the number of cores, only the CPU column compares well."
    )
    write_page("loading", "Loading: ours beside others", "make bench-loading", about, table(_HEAD, rows))


if __name__ == "__main__":
    main()
