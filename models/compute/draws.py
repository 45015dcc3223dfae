"""Random numbers for a batch that do not depend on how it is divided among processes or micro-batches."""

from collections.abc import Sequence

import numpy as np
import torch


class Draws:
    """The random numbers of rows `start` to `stop` of a batch of `total` images.

    They are drawn on the device for the whole batch from `seed` alone, and this part takes its rows. So each image gets
    the same numbers however the batch is divided. A `generator` that is given was seeded already.
    """

    def __init__(
        self,
        seed: Sequence[int],
        device: torch.device,
        total: int,
        start: int = 0,
        stop: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        self.generator = generator or torch.Generator(device).manual_seed(mixed_seed(*seed))
        self.total = total
        self.rows = slice(start, total if stop is None else stop)

    def normal(self, *shape: int) -> torch.Tensor:
        """N(0, 1), shape (rows, *shape)."""
        whole = torch.randn(self.total, *shape, generator=self.generator, device=self.generator.device)
        return whole[self.rows]

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        """Uniform in [low, high), shape (rows, *shape)."""
        whole = torch.empty(self.total, *shape, device=self.generator.device)
        return whole.uniform_(low, high, generator=self.generator)[self.rows]


def mixed_seed(*numbers: int) -> int:
    """One 63-bit seed from several non-negative numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) >> 1
