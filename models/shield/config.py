"""How the shield is set: whom it trusts, how strict it is, how often it learns."""

from typing import Literal, Self

from pydantic import Field, model_validator

from models import Settings
from models.errors import ConfigError

__all__ = ["AttackName", "ShieldConfig"]

AttackName = Literal["patch", "blend", "splice", "move", "foreign", "fgsm", "pgd"]


class ShieldConfig(Settings):
    """A three-class head on the discriminator that keeps forged images out of the training."""

    policy: Literal["off", "gate"] = Field(
        "off",
        title="Policy",
        description="gate: an image counts as real only where the head takes it for real; off: no head at all",
    )
    trusted: str = Field(
        "",
        max_length=1000,
        title="Trusted images",
        description="images that somebody vouches for: a dataset (name, name@version or manifest), `val` for this "
        "dataset's own val split, or a text file with one sha256 of this dataset's source files a line",
    )
    false_positive_rate: float = Field(
        0.005,
        gt=0,
        le=0.5,
        title="False positives",
        description="share of trusted images that may be taken for forged; the threshold follows from it",
    )
    held_out: float = Field(
        0.5,
        ge=0.1,
        le=0.9,
        title="Held out",
        description="share of the trusted images that the head never learns from: they set the threshold",
    )
    first_steps: int = Field(
        800, ge=1, le=100_000, title="First steps", description="what the head learns before the first image is shown"
    )
    interval_nimg: int = Field(
        10_000, ge=1, le=10**12, title="Every", description="images between two lessons, each on the present generator"
    )
    steps: int = Field(40, ge=1, le=100_000, title="Steps", description="optimiser steps in each later lesson")
    batch_size: int = Field(
        64, ge=32, le=4096, title="Batch size", description="images of each of the three classes in a step"
    )
    learning_rate: float = Field(2e-3, gt=0, le=0.1, title="Learning rate", description="Adam's, for the head")
    attacks: tuple[AttackName, ...] = Field(
        ("patch", "blend", "splice", "move", "foreign", "fgsm", "pgd"),
        min_length=1,
        title="Attacks",
        description="kinds of forgery that the head makes and learns from",
    )
    epsilon: float = Field(
        8.0,
        ge=0,
        le=64,
        title="Perturbation",
        description="255ths by which the head's own forgeries are moved to where it takes them for real; 0: none",
    )

    @model_validator(mode="after")
    def _somebody_is_trusted(self) -> Self:
        if self.policy != "off" and not self.trusted:
            raise ConfigError(
                "shield.trusted is empty: the gate needs images that somebody vouches for; give a dataset, "
                "`val`, or a file of sha256"
            )
        return self
