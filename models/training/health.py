"""Health checks during a training: what is checked, when it is an event, and what happens then.

Events are looked for at ticks and snapshots only, so that no GPU has to wait. They depend on the checkpointed state and
the statistics of the tick, never on the clock, so a resumed training decides in the same way.

    non_finite          a loss or gradient norm is not finite
    discriminator_won   the discriminator is always right, for several ticks: the generator learns nothing more
    collapsed_samples   images of different latents hardly differ, compared with real ones (within each class)
    score_worse         several scores in a row are far above the best one
    low_diversity       at several scores in a row, images lie much closer together in the features of the score than
                        real ones do: over all, or within a class
    scorer_failed       a score could not be computed; training goes on
    out_of_memory       a step did not fit the memory; training starts again from its newest checkpoint, with half as
                        many images at once (reported by tasks/trainer/worker.py)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict

from models.grids import to_float
from models.training.health_config import Action, HealthConfig

Name = Literal[
    "non_finite",
    "discriminator_won",
    "collapsed_samples",
    "score_worse",
    "low_diversity",
    "scorer_failed",
    "out_of_memory",
]
CERTAIN = ("accuracy_real", "accuracy_fake", "accuracy_pairs")
MIN_VARIANCE = 1e-11  # of real images that differ at all; rounding gives equal images a variance of about 1e-14
MIN_FREEDOM = 8  # degrees of freedom (images less one) from which the variance of a class of real images is used


@dataclass(frozen=True)
class Event:
    """Something that the user should know, and the action that followed."""

    nimg: int
    name: Name
    action: Action | Literal["halve"]
    reason: str

    def row(self) -> dict[str, Any]:
        """The event's line in stats.jsonl."""
        return {"nimg": self.nimg, "event": self.name, "action": self.action, "reason": self.reason}


class Health(BaseModel):
    """The part of the training state that the guard keeps: counts, and the effect of rollbacks."""

    model_config = ConfigDict(extra="forbid")

    learning_rate_factor: float = 1.0
    num_rollbacks: int = 0
    num_won: int = 0
    num_collapsed: int = 0
    num_worse: int = 0
    num_alike: int = 0
    num_scores: int = 0
    best_score: float | None = None
    pending_nimg: int | None = None  # the checkpoint whose score has not been read yet
    is_due: bool = False  # a checkpoint must be written before the next step
    stopped: str = ""  # why training ended early
    real_spread: dict[int, tuple[float, float]] = {}  # by class, see Spread

    @property
    def is_complete(self) -> bool:
        """Whether neither a checkpoint nor a score is pending."""
        return not self.is_due and self.pending_nimg is None


class Spread:
    """Variance within each class of images, pooled over batches: {class: (sum of squares, degrees of freedom)}.

    The sum of squares is of deviations from the mean image of the class, averaged over pixel values in [-1, 1].
    """

    def __init__(self, sums: Mapping[int, tuple[float, float]]) -> None:
        self.sums = dict(sums)

    def add(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Add uint8 or [-1, 1] float images (N, C, H, W) of the classes `labels` (N,)."""
        images = to_float(images) if images.dtype == torch.uint8 else images.float()
        for label in sorted(set(labels.tolist())):
            mine = images[labels == label]
            squares, freedom = self.sums.get(label, (0.0, 0.0))
            deviations = float((mine - mine.mean(dim=0)).square().sum()) / mine[0].numel()
            self.sums[label] = squares + deviations, freedom + len(mine) - 1

    def variances(self, least_freedom: int = 1) -> dict[int, float]:
        """The variance of each class with at least `least_freedom` degrees of freedom."""
        return {label: s / n for label, (s, n) in self.sums.items() if n >= least_freedom}


def discriminator_won(row: Mapping[str, float], config: HealthConfig) -> bool:
    """Return whether the discriminator is always right in the tick `row`; False for a family without one."""
    certain = [row[name] for name in CERTAIN if name in row]
    return bool(certain) and min(certain) >= config.won_accuracy and row["loss_d"] <= config.won_loss


def collapsed(generated: Spread, real: Spread, config: HealthConfig) -> dict[int, float]:
    """Generated over real variance of each class in which generated images hardly differ; empty where none does."""
    wanted, found = real.variances(MIN_FREEDOM), generated.variances()
    ratios = {label: found[label] / wanted[label] for label in found if wanted.get(label, 0.0) > MIN_VARIANCE}
    return {label: ratio for label, ratio in ratios.items() if ratio < config.collapsed_spread}


def score_worse(value: float, best: float, config: HealthConfig) -> bool:
    """Whether the score `value` is far above the best one. Lower is better."""
    return value > config.score_factor * best
