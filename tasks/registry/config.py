"""Settings of the registry: names of models, when a challenger is promoted, what is signed or traced back.

Imports neither torch, MLflow nor Prefect.
"""

from typing import Literal

from pydantic import Field

from models import Settings
from models.errors import ConfigError
from models.metrics.config import FEW_IMAGES, LEAST_IMAGES, EvalConfig
from models.metrics.judges import SECOND_JUDGE, SECOND_SCORE
from tasks.tracking.model_ref import ModelName, ModelUri

SIGNING_KEY, VERIFY_KEY = "SHARDGAN_SIGNING_KEY", "SHARDGAN_VERIFY_KEY"  # see tasks/registry/signing.py

__all__ = [
    "SIGNING_KEY",
    "VERIFY_KEY",
    "EvalConfig",
    "LineageConfig",
    "ModelName",
    "ModelUri",
    "PromotionPolicy",
    "SignConfig",
    "check_floors",
]


class PromotionPolicy(Settings):
    """When a challenger becomes champion."""

    score: str = Field(
        SECOND_SCORE,
        title="Score",
        description="the score that decides; lower is better, but for precision, recall, density and coverage. The "
        "limits below hold for the same judge: recall-MobileNetV2 where FD-MobileNetV2 decides",
        min_length=1,
        max_length=64,
    )
    independent: Literal["on", "off"] = Field(
        "on",
        title="Independent score",
        description="on: a score decides nothing if the training used its feature net in any way, for instance to "
        "choose the best checkpoint; off: for experiments",
    )
    floors: Literal["on", "off"] = Field(
        "on",
        title="Default floors",
        description="on: a version is not promoted if it is no better than repeating one image, if it covers "
        f"no more than {FEW_IMAGES} repeated images would, or if fewer than {LEAST_IMAGES} generated or val images "
        "were scored; off: for experiments with few images",
    )
    min_gain: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Smallest gain",
        description="share of the champion's score by which the challenger must be better",
    )
    outside_interval: bool = Field(
        False,
        title="Outside the interval",
        description="the challenger's score must lie outside the champion's 95% interval, not just be better",
    )
    min_recall: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Least recall",
        description="share of the real images that the generator must be able to make; 0: any",
    )
    min_coverage: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Least coverage",
        description="share of the real images that must have a generated one near by; 0: any",
    )
    max_memorised: float = Field(
        1.0,
        ge=0,
        le=1,
        title="Most memorised",
        description="share of generated images that may lie closer to a training image than 95% of new real images "
        "do; about 0.05 for a generator that copies nothing; 1: any",
    )
    min_classifier_gain: float = Field(
        -1.0,
        ge=-1,
        lt=1,
        title="Least classifier gain",
        description="accuracy that generated images must add to a classifier trained on a tenth of the real ones: 0.02 "
        "is two points. Needs evaluate.classifier_nimg; -1: any",
    )
    unusable_champion: Literal["keep", "replace"] = Field(
        "keep",
        title="Unusable champion",
        description="when the present champion cannot be loaded (unsigned, altered or lost files): keep leaves the "
        "alias where it is until a person decides, replace judges the challenger without it",
    )
    approval: Literal["off", "ask"] = Field(
        "off",
        title="Approval",
        description="ask: a version that this rule would promote waits until a person approves or declines it, in "
        "Prefect's UI or with shardgan approve or shardgan decline; off: this rule alone decides",
    )
    approval_days: float = Field(
        7.0,
        gt=0,
        le=365,
        title="Approval time limit",
        description="days after which a version that waits for a person is not promoted",
    )
    enabled: bool = Field(
        True,
        title="Promote",
        description="off: scores and the verdict are recorded, the alias stays where it is",
    )


def check_floors(policy: PromotionPolicy, config: EvalConfig) -> None:
    """Raise ConfigError for a score or floor that `config` does not measure: nothing could ever pass it."""
    if policy.score == SECOND_SCORE and SECOND_JUDGE not in (config.feature_net, config.second):
        raise ConfigError(
            f"promote.score is {SECOND_SCORE}, but evaluate.second_net is {config.second_net}: set it to "
            f"{SECOND_JUDGE}, or name another score in promote.score"
        )
    if policy.min_classifier_gain > -1 and not config.gain:
        raise ConfigError(
            f"promote.min_classifier_gain is {policy.min_classifier_gain:g}, but evaluate.classifier_nimg is 0: give "
            "the classifiers images to see, 20000 for instance, or leave the floor at -1"
        )
    if policy.max_memorised < 1 and not config.num_train:
        raise ConfigError(
            f"promote.max_memorised is {policy.max_memorised:g}, but evaluate.num_train is 0: give it training images "
            "to look among, or leave the limit at 1"
        )


class SignConfig(Settings):
    """Which version is signed."""

    model: ModelUri


class LineageConfig(Settings):
    """Which version is traced."""

    model: ModelUri
