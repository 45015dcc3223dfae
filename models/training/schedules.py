"""Scheduled settings, as functions of the images seen."""

import math
from dataclasses import dataclass

import torch

from models.training.config import TrainConfig


@dataclass(frozen=True)
class Moment:
    """The values of scheduled settings at one step. A recorded step reads gamma and the strength from the device.

    `penalty_weight` is a factor of gamma. It is 0 in steps without penalties (train.penalty.every).
    """

    learning_rate: float
    beta2: float
    gamma: float | torch.Tensor
    ema_half_life_nimg: float
    augment_strength: float | torch.Tensor
    penalty_weight: float = 1.0

    def ema_decay(self, batch_size: int) -> float:
        """The factor by which old weights decay over one batch: 0.5 after the half-life; 0 at half-life 0."""
        return 0.5 ** (batch_size / self.ema_half_life_nimg) if self.ema_half_life_nimg else 0.0


def cosine(start: float, end: float, share: float) -> float:
    """A value that goes from `start` at share 0 to `end` at share 1 along half a cosine, and then stays.

    v(n) = start + (1 - (1 + cos(pi n / N)) / 2) (end - start), Huang et al. 2024 (R3GAN), with share = n / N.
    """
    return start + (1 - 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))) * (end - start)


def moment(config: TrainConfig, nimg: int) -> Moment:
    """The values that `config` gives at `nimg` images seen."""
    schedule, augment = config.schedule, config.augment
    share = nimg / (schedule.nimg or config.nimg)
    strength = cosine(0, augment.strength, share) if augment.policy == "scheduled" else augment.strength
    # The number of the step follows from the images seen, so a resumed training has its penalties in the same steps.
    every = config.penalty.every
    penalty_weight = float(every if nimg // config.batch_size % every == 0 else 0)
    if schedule.kind == "constant":
        half_life = config.ema_half_life_nimg
        return Moment(config.learning_rate, config.beta2, config.gamma, half_life, strength, penalty_weight)
    return Moment(
        learning_rate=cosine(config.learning_rate, schedule.learning_rate, share),
        beta2=cosine(config.beta2, schedule.beta2, share),
        gamma=cosine(config.gamma, schedule.gamma, share),
        ema_half_life_nimg=cosine(0, config.ema_half_life_nimg, share),
        augment_strength=strength,
        penalty_weight=penalty_weight,
    )
