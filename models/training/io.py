"""What goes into the training loop besides its settings, and what comes out of it while it runs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from models.compression.robust import Codecs
from models.compute.metering.clock import Clock
from models.metrics.diversity import Diversity
from models.shield.shield import Trusted
from models.training.checkpoints import Best

Batches = Iterator[tuple[np.ndarray | torch.Tensor, np.ndarray | torch.Tensor]]


@dataclass(frozen=True)
class TrainingInputs:
    """The data of one training.

    `open_batches(nimg)` returns endless batches (uint8 images NCHW, int64 labels N) from that position on. Each batch
    is this process's share. `initial_weights` are the weights of an earlier training to start from (None: random
    weights). `codecs` say how the real images were compressed; compression `known` needs them. `trusted` are the images
    that the shield learns from and sets its threshold with; shield policy `gate` needs them.
    """

    open_batches: Callable[[int], Batches]
    initial_weights: Mapping[str, torch.Tensor] | None = None
    codecs: Codecs | None = None
    trusted: Trusted | None = None


@dataclass(frozen=True)
class Scored:
    """What was found about one checkpoint: its score, and how diverse its images are, if that was measured."""

    score: Best
    diversity: Diversity | None = None


class TrainerIO(Protocol):
    """What the training loop tells the world. The main process calls all of these; every process asks `should_stop`.

    `clock` is told where the time of this process goes: step, data, compile, evaluation, checkpoint.
    """

    clock: Clock

    def report(self, row: dict[str, float]) -> None:
        """Receive the statistics of one tick."""

    def snapshot(self, nimg: int, png: bytes) -> None:
        """Receive the sample grid made after `nimg` images."""

    def picture(self, name: str, png: bytes) -> None:
        """Receive a picture that is made once, at the start: `augmented` shows augmented real images."""

    def notify(self, event: dict[str, Any]) -> None:
        """Receive one health event (models/training/health.py)."""

    def progress(self, message: str) -> None:
        """Receive one line about what the training does before its first statistics."""

    def should_stop(self) -> bool:
        """Return True to end the training after the present step, with a checkpoint."""


class RecordingIO:
    """A TrainerIO that keeps everything in memory and never asks to stop: for use from Python."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.rows: list[dict[str, float]] = []
        self.snapshots: dict[int, bytes] = {}
        self.pictures: dict[str, bytes] = {}
        self.events: list[dict[str, Any]] = []
        self.messages: list[str] = []

    def report(self, row: dict[str, float]) -> None:
        self.rows.append(row)

    def snapshot(self, nimg: int, png: bytes) -> None:
        self.snapshots[nimg] = png

    def picture(self, name: str, png: bytes) -> None:
        self.pictures[name] = png

    def notify(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def progress(self, message: str) -> None:
        self.messages.append(message)

    def should_stop(self) -> bool:
        return False
