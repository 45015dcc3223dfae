"""Random numbers that do not depend on how a batch is divided among ranks or micro-batches."""

from collections.abc import Sequence

import numpy as np
import torch


class Draws:
    """The random numbers of rows `start` to `stop` of a batch of `total` images.

    They are drawn for the whole batch, from `seed` alone, and the part takes its rows: however the batch is divided,
    each image gets the same.
    """

    def __init__(
        self, seed: Sequence[int], device: torch.device, total: int, start: int = 0, stop: int | None = None
    ) -> None:
        self.generator = torch.Generator(device).manual_seed(mixed_seed(*seed))
        self.total = total
        self.rows = slice(start, total if stop is None else stop)

    def normal(self, *shape: int) -> torch.Tensor:
        """N(0, 1) in (rows, *shape)."""
        whole = torch.randn(self.total, *shape, generator=self.generator, device=self.generator.device)
        return whole[self.rows]

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        """Uniform in [low, high), in (rows, *shape)."""
        whole = torch.empty(self.total, *shape, device=self.generator.device)
        return whole.uniform_(low, high, generator=self.generator)[self.rows]


def mixed_seed(*numbers: int) -> int:
    """One 63-bit seed from several non-negative numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) >> 1
