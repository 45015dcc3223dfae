"""Settings of the watch over a training's health. Imports no torch."""

from typing import Final, Literal

from pydantic import Field

from models import NumImagesOrZero, Settings, Share

Action = Literal["warn", "rollback", "stop"]
SCORE_NET: Final = "efficientnet-lite0"  # the feature net of quick scores


class HealthConfig(Settings):
    """What is checked during training, and which action follows each event.

    rollback: return to weights and optimisers of the best checkpoint (the newest, for non_finite) and lower the
    learning rate. This happens once per run; the next rollback is a stop.
    """

    non_finite: Literal["rollback", "stop"] = Field(
        "rollback", title="Not finite", description="action when a loss or gradient is not finite"
    )
    discriminator_won: Action = Field(
        "warn", title="Discriminator won", description="action when the discriminator is always right"
    )
    collapsed_samples: Action = Field(
        "warn", title="Collapsed samples", description="action when images of different latents hardly differ"
    )
    score_worse: Action = Field(
        "warn",
        title="Score worse",
        description="action when scores stay far above the best; stop: the best checkpoint is the result",
    )
    rollback_factor: float = Field(
        0.5, gt=0, le=1, title="Rollback factor", description="a rollback multiplies the learning rate by it"
    )
    score_ticks: int = Field(
        20,
        ge=0,
        le=1_000_000,
        title="Score every",
        description="ticks between two quick scores; each writes a checkpoint, the best is registered; 0: no scores",
    )
    score_images: int = Field(
        500, ge=4, le=100_000, title="Scored images", description="generated images of a quick score"
    )
    score_input_size: int = Field(
        112, ge=32, le=600, title="Scored at", description="input size of a quick score's feature net, pixels a side"
    )
    score_factor: float = Field(
        1.5, gt=1, le=100, title="Worse by", description="a score above the best times this factor is far worse"
    )
    score_patience: int = Field(
        2, ge=1, le=1000, title="Worse scores", description="an event after this many far worse scores in a row"
    )
    low_diversity: Action = Field(
        "warn",
        title="Low diversity",
        description="action when scored images are much more alike than real ones, over all or within a class",
    )
    diversity_share: Share = Field(
        0.3,
        title="Diversity",
        description="the mean distance of generated images in the features of the quick score is low if it is below "
        "this share of that of real images",
    )
    diversity_patience: int = Field(
        2, ge=1, le=1000, title="Low diversities", description="an event after this many low diversities in a row"
    )
    won_accuracy: Share = Field(
        0.995,
        title="Won accuracy",
        description="the discriminator has won a tick if its accuracies on real and generated images reach this value "
        "and its loss is at or below the won loss",
    )
    won_loss: float = Field(
        0.05, ge=0, le=100, title="Won loss", description="largest discriminator loss of a tick that it has won"
    )
    won_ticks: int = Field(
        5, ge=1, le=1000, title="Won ticks", description="an event after this many ticks won in a row"
    )
    collapsed_spread: Share = Field(
        0.1,
        title="Collapsed spread",
        description="below this ratio of the variance of generated images to that of real ones, samples are collapsed",
    )
    collapsed_from_nimg: NumImagesOrZero = Field(
        20_000,
        title="Collapsed from",
        description="images seen before snapshots and diversity are checked: images of an untrained generator are all "
        "alike",
    )
    collapsed_snapshots: int = Field(
        2,
        ge=1,
        le=1000,
        title="Collapsed snapshots",
        description="an event after this many collapsed snapshots in a row",
    )
