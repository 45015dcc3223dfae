"""Training batches: a split in memory, or streamed from its shards by worker processes that decode in advance.

In both modes the batch at a given nimg is always the same, also after a resume. The two modes use different orders, so
a run keeps its mode. Imports neither Prefect nor MLflow: the trainer uses this file.
"""

import logging
import os
import signal
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from shards import Blend, Dataset, ShardsError, Split, SplitError, WindowedSplit
from shards.dataset.blend import BlendedWindows
from shards.processes.lifetime import die_with_parent
from shards.reading.order import rank_positions
from shards.reading.slots import ArraySlots
from shards.reading.stages import IDLE, StageClock
from tasks.trainer.config import MOST_WORKERS, DataConfig, Mode, choose_mode

logger = logging.getLogger(__name__)

Array = np.ndarray | torch.Tensor
Batches = Iterator[tuple[Array, Array]]
Task = tuple[int, int | None]
HELD = 3  # batches that a training holds: the present one, the one that is read ahead, and one that is let go
_NUM_PREVIEW = 256
_DEVICE_SHARE = 0.5


class Data(Protocol):
    """An opened split."""

    mode: Mode

    def batches(self, start_nimg: int) -> Batches:
        """Yield endless (uint8 images NCHW, int64 labels N): this rank's part of each batch from `start_nimg` on."""

    def preview(self) -> tuple[np.ndarray, np.ndarray]:
        """Return some images and labels to show. Each call returns the same ones."""

    def describe(self) -> str:
        """Return one line for the log."""

    def figures(self) -> dict[str, float]:
        """Return the time and speed of each stage of the loader since the last call. Empty if nothing is loaded."""


@dataclass(frozen=True)
class Share:
    """The slice of each batch that one rank takes."""

    batch_size: int
    seed: int
    rank: int = 0
    world_size: int = 1

    def options(self, start_nimg: int) -> dict[str, int]:
        """Return the keyword arguments for the `batches` of a split."""
        return {"seed": self.seed, "start_nimg": start_nimg, "rank": self.rank, "world_size": self.world_size}


def open_data(
    config: DataConfig,
    dataset: Dataset | Blend,
    *,
    batch_size: int,
    seed: int,
    rank: int = 0,
    world_size: int = 1,
    device: torch.device | None = None,
    agree: Callable[[bool], bool] = bool,
    decoded: Split | None = None,
) -> Data:
    """Open the training split of a dataset as `config` says.

    `agree` combines the answers of all ranks (`World.any`): with mode `auto`, all ranks stream if one of them has too
    little memory. `decoded` is the training split if it is in memory already: then `auto` has been decided. Raises the
    errors of Dataset.open_split and Dataset.windows.
    """
    device = device or torch.device("cpu")
    share = Share(batch_size, seed, rank, world_size)
    if decoded is not None and config.mode != "streaming":
        return ResidentData(replace(decoded, balanced=config.balance == "classes"), share, device)
    if choose_mode(config, dataset, agree) == "resident":
        split = replace(dataset.open_split("train"), balanced=config.balance == "classes")
        return ResidentData(split, share, device)
    if config.balance == "classes":
        raise SplitError(
            "data.balance=classes needs the decoded images in memory, and they do not fit. Build the dataset at a "
            "lower resolution, or set data.balance=off."
        )
    windows = dataset.windows("train", config.shuffle_buffer, config.cache_mb * 2**20)
    return StreamingData(windows, share, num_workers(config), config.prefetch)


def num_workers(config: DataConfig) -> int:
    """Return the number of worker processes that each trainer starts."""
    if config.workers:
        return max(config.workers, 0)
    ranks = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return min(max(1, (os.cpu_count() or 1) // ranks), MOST_WORKERS)


class ResidentData:
    """A split in host memory, or in device memory if it takes at most half of the free device memory."""

    mode: Mode = "resident"

    def __init__(self, split: Split, share: Share, device: torch.device) -> None:
        self._split = split
        self._share = share
        self._device = device
        self._on_device = _device_copy(split, device)

    def batches(self, start_nimg: int) -> Batches:
        """See Data."""
        if self._device.type != "cuda":
            return self._split.batches(self._share.batch_size, **self._share.options(start_nimg))
        gather = self._gather_on_device if self._on_device else self._gather_pinned
        return map(gather, self._split.orders(self._share.batch_size, **self._share.options(start_nimg)))

    def preview(self) -> tuple[np.ndarray, np.ndarray]:
        """The whole split."""
        return self._split.images, self._split.labels

    def describe(self) -> str:
        """See Data."""
        return f"{len(self._split):,} images in {'device' if self._on_device else 'host'} memory"

    def figures(self) -> dict[str, float]:
        """See Data. All images were decoded before the training."""
        return {}

    def _gather_on_device(self, order: np.ndarray) -> tuple[Array, Array]:
        assert self._on_device is not None
        # From pinned memory: a copy from other memory would wait for the step before.
        chosen = torch.from_numpy(order).pin_memory().to(self._device, non_blocking=True)
        images, labels = self._on_device
        return images.index_select(0, chosen), labels.index_select(0, chosen)

    def _gather_pinned(self, order: np.ndarray) -> tuple[Array, Array]:
        # A new buffer each time: torch does not reuse pinned memory until the copy that reads it is done.
        images = torch.empty((len(order), *self._split.images.shape[1:]), dtype=torch.uint8, pin_memory=True)
        np.take(self._split.images, order, axis=0, out=images.numpy())
        return images, torch.from_numpy(self._split.labels[order]).pin_memory()


def _device_copy(split: Split, device: torch.device) -> tuple[torch.Tensor, torch.Tensor] | None:
    if device.type != "cuda" or split.images.nbytes > _DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]:
        return None
    return torch.from_numpy(split.images).to(device), torch.from_numpy(split.labels).to(device)


class StreamingData:
    """A split that worker processes decode in advance. See shards.reading.order.WindowOrder for the order."""

    mode: Mode = "streaming"

    def __init__(self, split: WindowedSplit | BlendedWindows, share: Share, num_workers: int, prefetch: int) -> None:
        self._split = split
        self._share = share
        self._num_workers = num_workers
        self._prefetch = prefetch
        self._times = LoaderTimes(bool(num_workers))

    def batches(self, start_nimg: int) -> Batches:
        """See Data."""
        batches = LoadedBatches(self._split, self._share, start_nimg, self._num_workers * self._prefetch)
        loader: DataLoader[Any] = DataLoader(
            batches,
            sampler=batches.tasks(),
            batch_size=None,
            num_workers=self._num_workers,
            prefetch_factor=self._prefetch if self._num_workers else None,
            collate_fn=_as_it_is,
            worker_init_fn=_ignore_stop_signals,
            multiprocessing_context="fork" if self._num_workers else None,
            generator=torch.Generator(),  # otherwise each start draws from the generator that training uses
        )
        return self._timed(iter(loader), batches)

    def preview(self) -> tuple[np.ndarray, np.ndarray]:
        """The first images of the first epoch."""
        return next(self._split.batches(min(len(self._split), _NUM_PREVIEW), seed=self._share.seed))

    def describe(self) -> str:
        """See Data."""
        return (
            f"{len(self._split):,} images streamed from {self._split.num_shards:,} shards, shuffled "
            f"among {self._split.shuffle_buffer:,}, {self._num_workers} workers"
        )

    def figures(self) -> dict[str, float]:
        """See Data. The columns are those of LoaderTimes."""
        return self._times.take()

    def _timed(self, loaded: Iterator[Any], batches: "LoadedBatches") -> Batches:
        while True:
            began = time.perf_counter()
            item = next(loaded)
            if isinstance(item, ShardsError):
                raise item
            images, labels, seconds = item
            self._times.add(len(labels), seconds | {"wait": time.perf_counter() - began})
            yield batches.take(images), labels
            del item, images  # else two batches would be in memory while the next one is made


class LoaderTimes:
    """Adds up the times of the loader's stages. The workers send theirs with each batch.

    `take` gives the seconds of all workers together for each stage, and the images per second that one worker would
    give if it did nothing else. `wait` is the time for which the training waited for batches.
    """

    def __init__(self, has_workers: bool) -> None:
        self._left_out = () if has_workers else (IDLE,)  # without workers it is the time of the training step
        self._clear()

    def add(self, num_images: int, seconds: Mapping[str, float]) -> None:
        """Add the times of one batch."""
        self._num_images += num_images
        for stage, value in seconds.items():
            if stage not in self._left_out:
                self._seconds[stage] = self._seconds.get(stage, 0.0) + value

    def take(self) -> dict[str, float]:
        """Return the columns for a tick, and start again from 0."""
        columns = {f"loader_{stage}_seconds": round(value, 6) for stage, value in self._seconds.items()}
        for stage, value in self._seconds.items():
            if stage != IDLE and value > 0:
                columns[f"loader_{stage}_images_per_second"] = round(self._num_images / value, 1)
        self._clear()
        return columns

    def _clear(self) -> None:
        self._num_images = 0
        self._seconds: dict[str, float] = {}


class LoadedBatches(TorchDataset[Any]):
    """The batches of a training by number, made by whichever process asks. The loader asks its workers in turn.

    Workers decode into slots of shared memory, and send only labels and times through the loader's queue. `in_advance`
    is the number of batches that the workers prepare, 0 without workers.
    """

    def __init__(self, split: WindowedSplit | BlendedWindows, share: Share, start_nimg: int, in_advance: int) -> None:
        self._clock = StageClock()
        self._reader = split.reader(share.seed, self._clock)
        weakref.finalize(self, self._reader.close)
        self._options = {name: value for name, value in share.options(start_nimg).items() if name != "seed"}
        self._batch_size = share.batch_size
        shape = (share.batch_size // share.world_size, *self._reader.shape)
        self._slots = ArraySlots(in_advance + HELD, shape) if in_advance else None

    def tasks(self) -> Iterator[Task]:
        """Yield the number of each batch, and a slot for its images if one is free."""
        for number in count():
            yield number, self._slots.lease() if self._slots else None

    def __getitem__(self, task: Task) -> tuple[np.ndarray | int, np.ndarray, dict[str, float]] | ShardsError:
        number, slot = task
        self._clock.lap(IDLE)
        positions = next(rank_positions(self._batch_size, first=number, **self._options))
        target = None if slot is None or self._slots is None else self._slots.array(slot)
        try:
            images, labels = self._reader.read(positions, target)
        except ShardsError as error:
            return error  # the reader raises it: the loader would hide it under a traceback
        return images if slot is None else slot, labels, self._clock.take()

    def take(self, images: np.ndarray | int) -> np.ndarray:
        """Return the images of a batch, which a worker sends as the number of a slot."""
        if isinstance(images, np.ndarray):
            return images
        assert self._slots is not None
        return self._slots.take(images)


def _ignore_stop_signals(_worker: int) -> None:
    """Ignore stop signals. The whole process group gets them, but the trainer needs its batches until it stops."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(signal.SIGKILL)


def _as_it_is(batch: Any) -> Any:
    return batch
