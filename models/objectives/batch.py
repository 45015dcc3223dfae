"""What an objective is handed besides the networks."""

from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Batch:
    """One step's real images and the settings that hold at this step.

    `real` is (N, C, H, W) in [-1, 1]; `classes` is (N,), or None for an unconditional model. `augment` changes images
    in new random ways at each call, gradients flowing through.
    """

    real: torch.Tensor
    classes: torch.Tensor | None
    augment: Callable[[torch.Tensor], torch.Tensor]
    gamma: float = 0.0
    reconstruction: float = 1.0

    def latents(self, latent_dim: int) -> torch.Tensor:
        """One latent vector (N, latent_dim) from N(0, I) for each real image."""
        return torch.randn(len(self.real), latent_dim, device=self.real.device)
