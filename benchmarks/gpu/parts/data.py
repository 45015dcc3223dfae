"""The share of the time in which the GPU waits for data: from device memory, from host memory, and decoded by workers.

Shards are not read here, so that the benchmark needs nothing but models. Streamed images are decoded from JPEG by
worker processes into shared memory, as those of shards are. The files are as large as photographs of 64x64 pixels at
quality 90: 1.8 KB on average for tiles of Debian's wallpapers, and 2.0 KB for noise of 8x8 pixels that is enlarged.
"""

import io
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from benchmarks.gpu.runner import Keep
from benchmarks.gpu.sizes import Case, Sizes
from benchmarks.gpu.trainings import Timed, noise
from models.compute.copies import DeviceBatches

NUM_BATCHES = 4  # different ones that the sources repeat
MOST_WORKERS = 16
COARSE = 8  # side of the noise before it is enlarged


class Decoded(IterableDataset[Any]):
    """Batches whose images are decoded from JPEG, the batches w, w + W, ... by worker w of W."""

    def __init__(self, case: Case, steps: int) -> None:
        self.case = case
        self.steps = steps
        self.side = case.resolution
        images, self.labels = noise(case._replace(resolution=COARSE), 0)
        self.files = [self.encoded(image) for image in images]

    def encoded(self, image: np.ndarray) -> bytes:
        file = io.BytesIO()
        picture = Image.fromarray(image.transpose(1, 2, 0)).resize((self.side, self.side), Image.Resampling.BICUBIC)
        picture.save(file, "JPEG", quality=90)
        return file.getvalue()

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        worker = get_worker_info()
        for _ in range(worker.id if worker else 0, self.steps, worker.num_workers if worker else 1):
            images = torch.empty((len(self.files), 3, self.side, self.side), dtype=torch.uint8)
            for row, data in zip(images.numpy(), self.files, strict=True):
                row[:] = np.asarray(Image.open(io.BytesIO(data))).transpose(2, 0, 1)
            yield images, torch.from_numpy(self.labels)


def measure(sizes: Sizes, keep: Keep) -> None:
    """Keep, for each source, the share of the time without data and the images per second."""
    case = next(one for one in sizes.dcgan if not one.augmented)
    best = {"graph": "on"} if sizes.device == "cuda" else {}
    training = Timed(case, sizes.device, {"compute": best})
    training.take(sizes.warm_up)
    arrays = [noise(case, number) for number in range(NUM_BATCHES)]
    held = [tuple(torch.from_numpy(array).to(training.device) for array in pair) for pair in arrays]
    steps = sizes.data_steps
    keep("device memory", waits(training, (held[n % NUM_BATCHES] for n in range(steps + 1)), steps))
    keep("host memory", waits(training, (arrays[n % NUM_BATCHES] for n in range(steps + 1)), steps))
    workers = 0 if sizes.is_smoke else min(MOST_WORKERS, torch.get_num_threads())
    loader: DataLoader[Any] = DataLoader(
        Decoded(case, steps + 1),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        collate_fn=_as_it_is,
        multiprocessing_context="fork" if workers else None,
    )
    keep("decoded by workers", waits(training, iter(loader), steps) | {"workers": workers})


def waits(training: Timed, source: Iterator[Any], steps: int) -> dict[str, float]:
    """Take `steps` as the training loop does; the source gives one batch more, for reading ahead."""
    batches = DeviceBatches(source, training.device)
    training.batch = list(next(batches))  # the first batch of a loader waits for its workers to start
    batches.take_waited()
    training.wait()
    began = time.perf_counter()
    for step in range(steps):
        training.take(1)
        if step < steps - 1:
            batches.read_ahead()
            training.batch = list(next(batches))
    training.wait()
    seconds = time.perf_counter() - began
    return {
        "waiting": batches.take_waited() / seconds,
        "images_per_second": training.case.batch * steps / seconds,
    }


def _as_it_is(batch: Any) -> Any:
    return batch
