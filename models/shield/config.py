"""Settings of the shield: trusted images, strictness, and how often the head is trained."""

from typing import Literal, Self

from pydantic import Field, model_validator

from models import LearningRate, NumImages, Settings
from models.errors import ConfigError

AttackName = Literal["patch", "blend", "splice", "move", "foreign", "fgsm", "pgd"]


class ShieldConfig(Settings):
    """A three-class head on the discriminator that filters forged and generated images out of the training batches."""

    policy: Literal["off", "gate"] = Field(
        "off",
        title="Policy",
        description="gate: filter out the images that the head does not take for real; off: no head",
    )
    trusted: str = Field(
        "",
        max_length=1000,
        title="Trusted images",
        description="images known to be real: a dataset (name, name@version or manifest), `val` for the val split of "
        "this dataset, or a text file with the sha256 of source files of this dataset, one per line",
    )
    false_positive_rate: float = Field(
        0.005,
        gt=0,
        le=0.5,
        title="False positive rate",
        description="share of trusted images that may be rejected; the threshold is set by it",
    )
    held_out: float = Field(
        0.5,
        ge=0.1,
        le=0.9,
        title="Held out",
        description="share of the trusted images that sets the threshold; the head is never trained on them",
    )
    first_steps: int = Field(
        800,
        ge=1,
        le=100_000,
        title="First steps",
        description="optimiser steps of the head before the training starts",
    )
    interval_nimg: NumImages = Field(
        10_000,
        title="Interval",
        description="images between two updates of the head; each uses images of the present generator",
    )
    steps: int = Field(40, ge=1, le=100_000, title="Steps", description="optimiser steps of each later update")
    batch_size: int = Field(
        64, ge=32, le=4096, title="Batch size", description="images of each of the three classes in one step"
    )
    learning_rate: LearningRate = Field(2e-3, title="Learning rate", description="learning rate of Adam for the head")
    attacks: tuple[AttackName, ...] = Field(
        ("patch", "blend", "splice", "move", "foreign", "fgsm", "pgd"),
        min_length=1,
        title="Attacks",
        description="kinds of forgery that the head is trained on",
    )
    epsilon: float = Field(
        8.0,
        ge=0,
        le=64,
        title="Perturbation",
        description="largest change of a pixel, in levels of 255, when training images are moved towards what the head "
        "takes for real; 0: none are moved",
    )

    @model_validator(mode="after")
    def _has_trusted_images(self) -> Self:
        if self.policy != "off" and not self.trusted:
            raise ConfigError(
                "shield.trusted is empty, but shield.policy is gate: name images known to be real: a dataset, `val`, "
                "or a file of sha256"
            )
        return self
