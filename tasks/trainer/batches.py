"""Training batches: a split in memory, or streamed from its shards by worker processes that decode in advance.

In both modes the batch at a given nimg is always the same, also after a resume. The two modes use different orders, so
a run keeps its mode. Imports neither Prefect nor MLflow: the trainer uses this file.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, get_worker_info

from shards import Blend, Dataset, ShardsError, Split, SplitError, WindowedSplit
from shards.dataset.blend import BlendedWindows
from shards.processes.lifetime import die_with_parent
from shards.reading.pipeline import SampleOrder, Turn
from shards.reading.slots import ArraySlots
from shards.reading.stages import IDLE, StageClock
from tasks.trainer.config import MOST_WORKERS, DataConfig, Mode, choose_mode

logger = logging.getLogger(__name__)

Array = np.ndarray | torch.Tensor
Batches = Iterator[tuple[Array, Array]]
HELD = 3  # batches that a training holds: the present one, the one that is read ahead, and one that is let go
_NUM_PREVIEW = 256
_DEVICE_SHARE = 0.5
_workers: "weakref.WeakKeyDictionary[Any, list[BaseProcess]]" = weakref.WeakKeyDictionary()  # of each running loader


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
        self._stream = split.stream(share.seed)
        self._share = share
        self._num_workers = num_workers
        self._prefetch = prefetch
        self._times = LoaderTimes(bool(num_workers))

    def batches(self, start_nimg: int) -> Batches:
        """See Data."""
        import webdataset  # only a training that streams pays for this import

        slots = self._slots()
        loader: DataLoader[Any] = DataLoader(
            webdataset.DataPipeline(*self._stages(start_nimg, slots)),
            batch_size=None,
            num_workers=self._num_workers,
            prefetch_factor=self._prefetch if self._num_workers else None,
            collate_fn=_as_it_is,
            worker_init_fn=_ignore_stop_signals,
            multiprocessing_context="fork" if self._num_workers else None,
            generator=torch.Generator(),  # otherwise each start draws from the generator that training uses
        )
        return self._timed(start_workers(loader), slots)

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

    def _slots(self) -> ArraySlots | None:
        """Return memory for all batches that can be on their way, into which workers decode."""
        if not self._num_workers:
            return None
        shape = (self._share.batch_size // self._share.world_size, *self._stream.shape)
        return ArraySlots(self._num_workers * self._prefetch + HELD, shape)

    def _stages(self, start_nimg: int, slots: ArraySlots | None) -> list[Any]:
        """Return the stages of the pipeline that each worker runs. The loader asks its workers in turn."""
        share = self._share
        order = SampleOrder(share.batch_size, start_nimg, partial(_own_turn, share.rank, share.world_size))
        stages = self._stream.batch_stages(order, StageClock(), slots, is_shared=self._num_workers > 1)
        return [*stages, errors_last]

    def _timed(self, loaded: Iterator[Any], slots: ArraySlots | None) -> Batches:
        while True:
            began = time.perf_counter()
            item = next(loaded)
            if isinstance(item, ShardsError):
                raise item
            images, labels, seconds = item
            self._times.add(len(labels), seconds | {"wait": time.perf_counter() - began})
            yield slots.take(images) if slots and isinstance(images, int) else images, labels
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


def errors_last(batches: Iterator[Any]) -> Iterator[Any]:
    """The last stage: give an error as an item, for the loader would hide it under a traceback."""
    try:
        yield from batches
    except ShardsError as error:
        yield error


def start_workers(loader: "DataLoader[Any]") -> Iterator[Any]:
    """Start the workers of a loader. They are killed when this process exits, for they ignore its request to stop."""
    before = set(multiprocessing.active_children())
    loaded = iter(loader)
    _workers[loaded] = [one for one in multiprocessing.active_children() if one not in before]
    _kill_workers_at_exit()
    return loaded


@cache
def _kill_workers_at_exit() -> None:
    # multiprocessing runs this before it asks its children to stop, and waits for them.
    Finalize(None, _kill_workers, exitpriority=10)


def _kill_workers() -> None:
    # torch raises an error for each worker that ends by a signal, also while this process exits.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for worker in [one for workers in _workers.values() for one in workers]:
        with contextlib.suppress(ValueError):  # it was closed
            worker.kill()


def _own_turn(rank: int, world_size: int) -> Turn:
    """Return whose turn each batch is for the worker that calls this."""
    worker = get_worker_info()
    return Turn(rank, world_size, worker.id, worker.num_workers) if worker else Turn(rank, world_size)


def _ignore_stop_signals(_worker: int) -> None:
    """Ignore stop signals. The whole process group gets them, but the trainer needs its batches until it stops."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(signal.SIGKILL)


def _as_it_is(batch: Any) -> Any:
    return batch
