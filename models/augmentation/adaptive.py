"""Augmentation strength that follows overfitting (Karras et al. 2020, ADA)."""

import torch

from models.augmentation.config import AugmentConfig

INTERVAL = 4  # steps over which the sign is averaged before the strength changes, as in the paper


class AdaptiveStrength:
    """The probability of each transform. Its state is tensors on the device, which stay the same tensors.

    So no step waits for a GPU, and a recorded step (models/compute/graphs.py) can be replayed.

    r = E[sign D(real)] is near 0 while the discriminator knows nothing, and near 1 when it has memorised the training
    set. Every INTERVAL steps the strength changes by `images / adapt_nimg`: up where r is above the target, else down.
    It stays within [0, config.strength]. Without this limit it would grow as long as r is above the target (34 was
    seen).
    """

    def __init__(self, device: torch.device) -> None:
        self.value = torch.zeros((), device=device)
        self.sign_sum = torch.zeros((), device=device)
        self.num_steps = torch.zeros((), dtype=torch.int64, device=device)

    def observe(self, sign: torch.Tensor, num_images: int, config: AugmentConfig) -> None:
        """Add the mean sign of one step, over `num_images` real images."""
        self.sign_sum.add_(sign.detach())
        self.num_steps.add_(1)
        is_due = self.num_steps >= INTERVAL  # a branch here would read from the device
        direction = (self.sign_sum / INTERVAL - config.target).sign()
        step = INTERVAL * num_images / config.adapt_nimg
        changed = (self.value + direction * step).clamp(0, config.strength)
        self.value.copy_(torch.where(is_due, changed, self.value))
        self.sign_sum.masked_fill_(is_due, 0)
        self.num_steps.masked_fill_(is_due, 0)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The whole state by name."""
        return {"value": self.value, "sign_sum": self.sign_sum, "num_steps": self.num_steps}

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Set the state that `tensors()` returned."""
        for name, mine in self.tensors().items():
            mine.copy_(tensors[name])
