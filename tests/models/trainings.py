"""Small trainings that are stopped and resumed."""

from collections.abc import Iterator

import numpy as np
import torch

from models.training.io import RecordingIO
from models.training.state import TrainState


class StoppingIO(RecordingIO):
    """Keeps everything; asks the training to stop after `stop_at` steps (None: never)."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.stop_at = stop_at
        self.num_asked = 0

    def should_stop(self) -> bool:
        self.num_asked += 1
        return self.stop_at is not None and self.num_asked > self.stop_at


def random_batches(nimg: int, channels: int = 1, num_classes: int = 2) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches of 8 images of noise, which depend on the position alone."""
    while True:
        rng = np.random.default_rng(nimg)
        yield rng.integers(0, 256, (8, channels, 16, 16), dtype=np.uint8), rng.integers(0, num_classes, 8)
        nimg += 8


def assert_same_bits(first: TrainState, second: TrainState) -> None:
    ours, theirs = first.tensors(), second.tensors()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
