"""Settings of a training: every field with its meaning and bounds."""

from typing import Any, Literal

from pydantic import Field, model_validator

from models import Decay, LearningRate, NumImages, NumImagesOrZero, Settings
from models.augmentation.config import AugmentConfig
from models.compression.config import CompressionMode
from models.compute.config import ComputeConfig
from models.networks.names import DISCRIMINATOR_NETS, FamilyChoice
from models.networks.presets import PresetName, fill_in
from models.shield.config import ShieldConfig
from models.training.health_config import SCORE_NET, HealthConfig

MOST_TICKS = 10**6
# Settings that older runs do not have, with the values that leave the result as it was.
LATER_COMPUTE: dict[str, tuple[Any, ...]] = {"graph": ("auto", "off"), "nodes": (1,)}
LATER_HEALTH = ("low_diversity", "diversity_share", "diversity_patience")  # settings that older runs do not have


class ScheduleConfig(Settings):
    """Final values of scheduled settings."""

    kind: Literal["constant", "cosine"] = Field(
        "constant",
        title="Kind",
        description="cosine: learning rate, beta2 and gamma move to the values here, the EMA half-life rises from 0; "
        "constant: nothing changes",
    )
    nimg: NumImagesOrZero = Field(0, title="Length", description="images until the final values; 0: train.nimg")
    learning_rate: LearningRate = Field(5e-5, title="Final learning rate", description="final learning rate of Adam")
    beta2: Decay = Field(0.99, title="Final Adam beta2", description="final beta2 of Adam")
    gamma: float = Field(0.1, ge=0, le=10_000, title="Final gamma", description="final weight of R1 and R2")


class PenaltyConfig(Settings):
    """How the gradient penalties R1 and R2 of family r3 are computed. The defaults are those of the paper."""

    method: Literal["exact", "differences"] = Field(
        "exact",
        title="Method",
        description="exact: second derivatives; differences: an estimate from two more passes through the "
        "discriminator, along random directions, which torch.compile supports",
    )
    every: int = Field(
        1,
        ge=1,
        le=64,
        title="Every",
        description="steps from one with penalties to the next; they weigh as much more. 1: every step has them",
    )
    step: float = Field(
        0.03,
        gt=0,
        le=1,
        title="Step of differences",
        description="standard deviation of the noise that differences add to pixel values in [-1, 1]. Smaller: "
        "rounding errors grow; larger: the estimate is less local",
    )


class TrainConfig(Settings):
    """How a generator is trained. Durations are in images seen."""

    preset: PresetName = Field(
        "auto",
        title="Preset",
        description="a set of defaults; settings given explicitly override it. auto: the defaults of the family",
    )
    family: FamilyChoice = Field(
        "auto",
        title="Family",
        description="networks and losses; auto: by the number of images, their size, the device and the images to "
        "see, or the family of the weights in train.init",
    )
    nimg: NumImages = Field(
        200_000,
        title="Images",
        description="total number of real images shown in training",
        examples=[200_000, 2_000_000],
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="determines initial weights, data order, latents and augmentation",
    )
    conditional: bool = Field(True, title="Conditional", description="use the class labels if the dataset has labels")
    batch_size: int = Field(32, ge=2, le=4096, title="Batch size", description="images of one step")
    latent_dim: int = Field(100, ge=1, le=1024, title="Latents", description="length of the latent vector z")
    width: int = Field(
        32,
        ge=4,
        le=1024,
        title="Width",
        description="channels of the feature map nearest the image; smaller maps have up to 8 times as many",
    )
    learning_rate: LearningRate = Field(
        4e-4, title="Learning rate", description="learning rate of Adam, for all networks"
    )
    beta1: Decay = Field(0.5, title="Adam beta1", description="decay of the mean of gradients")
    beta2: Decay = Field(0.999, title="Adam beta2", description="decay of the mean of squared gradients")
    gamma: float = Field(
        1.0, ge=0, le=10_000, title="Gamma", description="weight of the gradient penalties R1 and R2; family r3 only"
    )
    penalty: PenaltyConfig = Field(
        PenaltyConfig(), title="Penalties", description="how R1 and R2 are computed; family r3 only"
    )
    reconstruction: float = Field(
        1.0,
        ge=0,
        le=1000,
        title="Reconstruction",
        description="weight of similarity to the input, relative to the adversarial loss; family vaegan only",
    )
    schedule: ScheduleConfig = Field(
        ScheduleConfig(), title="Schedule", description="settings that change during training"
    )
    ema_half_life_nimg: NumImages = Field(
        5_000,
        title="EMA half-life",
        description="images after which the share of an old weight in the averaged generator has halved",
    )
    augment: AugmentConfig = Field(
        AugmentConfig(), title="Augmentation", description="random changes of real and generated images"
    )
    compression: CompressionMode = Field(
        "off",
        title="Compression",
        description="learn clean images from compressed ones: generated images are compressed before the discriminator "
        "sees them. known: with the JPEG tables of the training images; learned: with a quality that is estimated from "
        "pixels, for files that no longer have their tables",
    )
    consistency: float = Field(
        10.0,
        ge=0,
        le=10_000,
        title="Consistency",
        description="weight of a loss against noise in the part of generated images that JPEG removes; only with "
        "compression known or learned",
    )
    init: str = Field(
        "",
        max_length=1000,
        title="Start from",
        description="weights to start from: models:/name@champion, a run directory or a checkpoint; empty: random ones",
    )
    freeze_layers: int = Field(
        0,
        ge=0,
        le=16,
        title="Frozen layers",
        description="number of discriminator layers, counted from the image, that are not trained (FreezeD)",
    )
    tick_nimg: NumImages = Field(5_000, title="Tick", description="images between two reports of statistics")
    snapshot_ticks: int = Field(
        10, ge=1, le=MOST_TICKS, title="Snapshot every", description="ticks between two sample grids"
    )
    checkpoint_ticks: int = Field(
        10, ge=1, le=MOST_TICKS, title="Checkpoint every", description="ticks between two checkpoints"
    )
    keep_checkpoints: int = Field(
        2, ge=1, le=100, title="Keep checkpoints", description="number of newest checkpoints kept, besides the best"
    )
    health: HealthConfig = Field(
        HealthConfig(), title="Health", description="checks during training, and the actions that follow"
    )
    shield: ShieldConfig = Field(
        ShieldConfig(), title="Shield", description="filter for forged and generated images in the training data"
    )
    compute: ComputeConfig = Field(
        ComputeConfig(), title="Compute", description="device, precision, processes and memory"
    )

    def identity(self) -> str:
        """The settings that determine the result, as text. Settings added later are left out at their defaults.

        So runs keep the names that are derived from this text.
        """
        later = {"compression", "penalty", "shield"}
        unused = {name for name in later if getattr(self, name) == type(self).model_fields[name].default}
        unused |= {"consistency"} if self.compression == "off" else set()
        excluded: dict[str, Any] = dict.fromkeys(unused, True)
        if not self.augment.flip:
            excluded["augment"] = {"flip"}
        excluded["compute"] = {name for name, value in LATER_COMPUTE.items() if getattr(self.compute, name) in value}
        usual = HealthConfig()
        excluded["health"] = {name for name in LATER_HEALTH if getattr(self.health, name) == getattr(usual, name)}
        return self.model_dump_json(exclude=excluded)

    def has_second_derivatives(self, family: str) -> bool:
        """Whether the gradient of the family's discriminator is differentiated again: compiled code cannot do this."""
        return family == "r3" and self.penalty.method == "exact"

    def feature_nets_used(self) -> dict[str, str]:
        """The feature nets that this training uses, by name, each with what it is used for.

        A score of such a net says too little about the generator, and the promotion rule refuses it.
        """
        uses: dict[str, list[str]] = {}
        if net := DISCRIMINATOR_NETS.get(self.family):
            uses.setdefault(net, []).append("the discriminator sees its features")
        if self.health.score_ticks:
            uses.setdefault(SCORE_NET, []).append("its scores choose the best checkpoint")
        return {net: " and ".join(all_uses) for net, all_uses in uses.items()}

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        return fill_in(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _is_possible(self) -> "TrainConfig":
        nodes = self.compute.nodes
        if self.batch_size % nodes or self.batch_size < 2 * nodes:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be shared by {nodes} nodes: choose a multiple of the number of "
                f"all processes, at least {2 * nodes}"
            )
        if self.family != "projected":
            return self
        if self.freeze_layers:
            raise ValueError(
                f"freeze_layers {self.freeze_layers}: the discriminator of family projected has no layers from the "
                "image on, its features are frozen anyway; set it to 0"
            )
        size = self.compute.micro_batch_size
        if size and size < self.batch_size and (size == 1 or self.batch_size % size == 1):
            raise ValueError(
                f"compute.micro_batch_size {size} divides batch_size {self.batch_size} into parts of which one has a "
                "single image, but family projected normalises over the images of each part: choose a size that "
                "leaves at least 2 images in each"
            )
        return self
