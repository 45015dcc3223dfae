"""The health of a training: what is watched, when it is an event, and what is done then.

An event is looked for at ticks and snapshots alone, so that no GPU waits for it, and is decided from the checkpointed
state and the tick's numbers, never from the clock: a resumed training decides the same.

    non_finite          a loss or gradient norm is not finite
    discriminator_won   it tells real from generated without fail, tick after tick: the generator learns nothing more
    collapsed_samples   images of different latents hardly differ, beside real ones (of a class, where there are any)
    score_worse         score after score is far above the best one
    scorer_failed       a score could not be taken; training goes on
    out_of_memory       a step did not fit the memory; training starts over from its newest checkpoint, with half as
                        many images at once (told by whoever runs the training: tasks/trainer/worker.py)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from models import Settings
from models.grids import to_float

__all__ = ["Event", "Health", "HealthConfig", "Spread", "collapsed", "discriminator_won", "score_worse"]

Action = Literal["warn", "rollback", "stop"]
Name = Literal["non_finite", "discriminator_won", "collapsed_samples", "score_worse", "scorer_failed", "out_of_memory"]
CERTAIN = ("accuracy_real", "accuracy_fake", "accuracy_pairs")
MIN_FREEDOM = 8  # images less one that a class's spread takes, on the real side


class HealthConfig(Settings):
    """What is watched during training, and what each event leads to.

    rollback: weights and optimisers of the best checkpoint (the newest, for non_finite) and a lower learning rate, once
    a run; from the second time on it is a stop.
    """

    non_finite: Literal["rollback", "stop"] = Field(
        "rollback", title="Not finite", description="when a loss or gradient is not finite"
    )
    discriminator_won: Action = Field(
        "warn", title="Discriminator won", description="when the discriminator tells real from generated without fail"
    )
    collapsed_samples: Action = Field(
        "warn", title="Collapsed samples", description="when images of different latents hardly differ"
    )
    score_worse: Action = Field(
        "warn", title="Score worse", description="when scores stay far above the best; stop ends as done, with the best"
    )
    rollback_factor: float = Field(
        0.5, gt=0, le=1, title="Rollback factor", description="what a rollback multiplies the learning rate by"
    )
    score_ticks: int = Field(
        20,
        ge=0,
        le=1_000_000,
        title="Score every",
        description="ticks between two quick scores, whose best is registered; each writes a checkpoint; 0: none",
    )
    score_images: int = Field(
        500, ge=4, le=100_000, title="Scored images", description="generated images a quick score takes"
    )
    score_input_size: int = Field(
        112, ge=32, le=600, title="Scored at", description="pixels a side that a quick score's feature net sees"
    )
    score_factor: float = Field(
        1.5, gt=1, le=100, title="Worse by", description="times the best score, above which a score is far worse"
    )
    score_patience: int = Field(
        2, ge=1, le=1000, title="Worse scores", description="far worse scores in a row that are an event"
    )
    won_accuracy: float = Field(
        0.995, ge=0, le=1, title="Won accuracy", description="accuracies at or above it, on real and generated images"
    )
    won_loss: float = Field(
        0.05, ge=0, le=100, title="Won loss", description="and a discriminator loss at or below it, are a won tick"
    )
    won_ticks: int = Field(5, ge=1, le=1000, title="Won ticks", description="won ticks in a row that are an event")
    collapsed_spread: float = Field(
        0.1,
        ge=0,
        le=1,
        title="Collapsed spread",
        description="variance among generated images over that among real ones, below which they are collapsed",
    )
    collapsed_from_nimg: int = Field(
        20_000,
        ge=0,
        le=10**12,
        title="Collapsed from",
        description="images seen before which snapshots are not judged: an untrained generator's images are all alike",
    )
    collapsed_snapshots: int = Field(
        2, ge=1, le=1000, title="Collapsed snapshots", description="collapsed snapshots in a row that are an event"
    )


@dataclass(frozen=True)
class Event:
    """Something that a person should know, and what was done about it."""

    nimg: int
    name: Name
    action: Action | Literal["halve"]
    reason: str

    def row(self) -> dict[str, Any]:
        """The event's line in stats.jsonl."""
        return {"nimg": self.nimg, "event": self.name, "action": self.action, "reason": self.reason}


class Health(BaseModel):
    """The watch's part of the training state: counts so far, and what a rollback has changed."""

    model_config = ConfigDict(extra="forbid")

    learning_rate_factor: float = 1.0
    num_rollbacks: int = 0
    num_won: int = 0
    num_collapsed: int = 0
    num_worse: int = 0
    num_scores: int = 0
    best_score: float | None = None
    pending_nimg: int | None = None  # the checkpoint whose score has not been looked at
    is_due: bool = False  # a checkpoint is to be written before the next step
    stopped: str = ""  # why training ended before its time
    real_spread: dict[int, tuple[float, float]] = {}  # by class, see Spread

    @property
    def is_complete(self) -> bool:
        """Whether no checkpoint and no score is owed."""
        return not self.is_due and self.pending_nimg is None


class Spread:
    """Variance within each class of images, pooled over batches: {class: (sum of squares, degrees of freedom)}.

    A sum of squares is that of the deviations from the class's mean image, mean over pixel values, in [-1, 1].
    """

    def __init__(self, sums: Mapping[int, tuple[float, float]]) -> None:
        self.sums = dict(sums)

    def add(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Count uint8 or [-1, 1] float images (N, C, H, W) of the classes `labels` (N,) in."""
        images = to_float(images) if images.dtype == torch.uint8 else images.float()
        for label in sorted(set(labels.tolist())):
            mine = images[labels == label]
            squares, freedom = self.sums.get(label, (0.0, 0.0))
            deviations = float((mine - mine.mean(dim=0)).square().sum()) / mine[0].numel()
            self.sums[label] = squares + deviations, freedom + len(mine) - 1

    def variances(self, least_freedom: int = 1) -> dict[int, float]:
        """The variance of each class of which enough images were seen."""
        return {label: s / n for label, (s, n) in self.sums.items() if n >= least_freedom}


def discriminator_won(row: Mapping[str, float], config: HealthConfig) -> bool:
    """Whether the tick `row` shows a discriminator that is always right; False where there is none."""
    certain = [row[name] for name in CERTAIN if name in row]
    return bool(certain) and min(certain) >= config.won_accuracy and row["loss_d"] <= config.won_loss


def collapsed(generated: Spread, real: Spread, config: HealthConfig) -> dict[int, float]:
    """Generated over real variance of each class in which generated images hardly differ; empty where all do."""
    wanted, found = real.variances(MIN_FREEDOM), generated.variances()
    ratios = {label: found[label] / wanted[label] for label in found if wanted.get(label, 0.0) > 0}
    return {label: ratio for label, ratio in ratios.items() if ratio < config.collapsed_spread}


def score_worse(value: float, best: float, config: HealthConfig) -> bool:
    """Whether the score `value` is far above the best one. Lower is better."""
    return value > config.score_factor * best
