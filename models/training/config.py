"""How a training is set: every field with its meaning and bounds."""

from typing import Any, Literal

from pydantic import Field, model_validator

from models import Settings
from models.augmentation.differentiable import AugmentConfig
from models.compression.robust import CompressionMode
from models.compute.device import ComputeConfig
from models.networks.families import FamilyName
from models.networks.presets import PresetName, fill_in
from models.shield.config import ShieldConfig
from models.training.health import HealthConfig

__all__ = ["ScheduleConfig", "TrainConfig"]

MOST_NIMG = 10**12  # longer than anybody trains; forms ask for a bound
MOST_TICKS = 10**6


class ScheduleConfig(Settings):
    """Where settings that change as training goes on are at its end."""

    kind: Literal["constant", "cosine"] = Field(
        "constant",
        title="Kind",
        description="cosine: learning rate, beta2 and gamma move to the values here, the EMA half-life rises from 0",
    )
    nimg: int = Field(
        0, ge=0, le=MOST_NIMG, title="Length", description="images after which the ends are reached; 0: train.nimg"
    )
    learning_rate: float = Field(5e-5, gt=0, le=0.1, title="Last learning rate", description="Adam's, at the end")
    beta2: float = Field(0.99, ge=0, lt=1, title="Last Adam beta2", description="beta2 at the end")
    gamma: float = Field(0.1, ge=0, le=10_000, title="Last gamma", description="gamma at the end")


class TrainConfig(Settings):
    """How a generator is trained. Lengths of time are in images seen."""

    preset: PresetName = Field(
        "auto",
        title="Preset",
        description="settings that belong together; what is set explicitly wins. auto: the family's own",
    )
    family: FamilyName = Field("dcgan", title="Family", description="which networks and losses")
    nimg: int = Field(
        200_000, ge=1, le=MOST_NIMG, title="Images", description="real images shown to the discriminator in all"
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="decides initial weights, data order, latents and augmentation",
    )
    conditional: bool = Field(True, title="Conditional", description="use the class labels, where the dataset has any")
    batch_size: int = Field(32, ge=2, le=4096, title="Batch size", description="images a step")
    latent_dim: int = Field(100, ge=1, le=1024, title="Latents", description="length of the latent vector z")
    width: int = Field(
        32,
        ge=4,
        le=1024,
        title="Width",
        description="channels of the feature map nearest the image; smaller maps have up to 8 times as many",
    )
    learning_rate: float = Field(4e-4, gt=0, le=0.1, title="Learning rate", description="Adam's, for both networks")
    beta1: float = Field(0.5, ge=0, lt=1, title="Adam beta1", description="decay of the gradients' mean")
    beta2: float = Field(0.999, ge=0, lt=1, title="Adam beta2", description="decay of the gradients' squares")
    gamma: float = Field(
        1.0, ge=0, le=10_000, title="Gamma", description="weight of the gradient penalties R1 and R2; family r3 alone"
    )
    reconstruction: float = Field(
        1.0,
        ge=0,
        le=1000,
        title="Reconstruction",
        description="weight of likeness to the input against looking real; family vaegan alone",
    )
    schedule: ScheduleConfig = Field(
        ScheduleConfig(), title="Schedule", description="how settings change as training goes on"
    )
    ema_half_life_nimg: int = Field(
        5_000,
        ge=1,
        le=MOST_NIMG,
        title="EMA half-life",
        description="images after which a weight's share in the averaged generator has halved",
    )
    augment: AugmentConfig = Field(
        AugmentConfig(), title="Augmentation", description="what is done to real and generated images alike"
    )
    compression: CompressionMode = Field(
        "off",
        title="Compression",
        description="learn clean images from compressed ones, by compressing what is generated before it is compared. "
        "known: with the JPEG tables of the training images; learned: with a quality that is learnt too, where the "
        "files no longer tell",
    )
    consistency: float = Field(
        10.0,
        ge=0,
        le=10_000,
        title="Consistency",
        description="weight against noise in what JPEG hides of generated images from the discriminator; with "
        "compression known or learned",
    )
    init: str = Field(
        "",
        max_length=1000,
        title="Start from",
        description="weights to start from: models:/name@champion, a run directory or a checkpoint; empty: fresh ones",
    )
    freeze_layers: int = Field(
        0,
        ge=0,
        le=16,
        title="Frozen layers",
        description="layers of the discriminator, nearest the image first, that stay as they start (FreezeD)",
    )
    tick_nimg: int = Field(
        5_000, ge=1, le=MOST_NIMG, title="Tick", description="images between two lines of statistics"
    )
    snapshot_ticks: int = Field(
        10, ge=1, le=MOST_TICKS, title="Snapshot every", description="ticks between two sample grids"
    )
    checkpoint_ticks: int = Field(
        10, ge=1, le=MOST_TICKS, title="Checkpoint every", description="ticks between two checkpoints"
    )
    keep_checkpoints: int = Field(
        2, ge=1, le=100, title="Keep checkpoints", description="how many of the newest stay on disk, beside the best"
    )
    health: HealthConfig = Field(
        HealthConfig(), title="Health", description="what is watched as training goes on, and what is done about it"
    )
    shield: ShieldConfig = Field(
        ShieldConfig(), title="Shield", description="whether forged and generated images are kept out of the training"
    )
    compute: ComputeConfig = Field(ComputeConfig(), title="Compute", description="what the arithmetic runs on, and how")

    def identity(self) -> str:
        """What decides a training's result, as text; what came later adds nothing by default, so runs keep names."""
        later = {"compression", "shield"}
        unused = {name for name in later if getattr(self, name) == type(self).model_fields[name].default}
        unused |= {"consistency"} if self.compression == "off" else set()
        return self.model_dump_json(exclude=unused)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        return fill_in(given) if isinstance(given, dict) else given
