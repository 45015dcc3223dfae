"""Settings of an evaluation: number of images, feature net, device."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from models import Settings
from models.classifier.config import ClassifierConfig, GainConfig
from models.compute.config import DeviceName
from models.errors import ConfigError
from models.metrics.judges import FIRST_JUDGE, SECOND_JUDGE

MAX_TRAIN = 10_000
USUAL_VAL = 10_000
SMALLEST_INPUT = 32
LEAST_IMAGES = 100  # on both sides; with fewer, scores say more about the number of images than about them
FEW_IMAGES = 15  # a generator that covers no more than so many repeated images has collapsed


class EvalConfig(Settings):
    """How a generator is scored."""

    num_images: int = Field(
        2000,
        title="Generated images",
        description="Number of images that are generated and scored. The Fréchet distance depends on this number, "
        "so only scores with the same number are compared. Fewer than about 1000 make a noisy score.",
        ge=4,
        le=1_000_000,
    )
    feature_net: Literal["efficientnet-lite0", "mobilenetv2", "inception", "dinov2", "classifier"] = Field(
        FIRST_JUDGE,
        title="Feature net",
        description="The network whose features are compared: EfficientNet-Lite0 or MobileNetV2 with ImageNet weights "
        "(need nothing else), Inception (FID and KID) or DINOv2 with a weights file that you provide, or a classifier "
        "trained on the labels of the dataset.",
    )
    second_net: Literal["mobilenetv2", "efficientnet-lite0", "none"] = Field(
        SECOND_JUDGE,
        title="Second feature net",
        description="A second network that judges the same images. No training uses MobileNetV2, so its scores decide "
        "about promotions. none: only feature_net judges.",
    )
    weights: str = Field(
        "",
        title="Weights file",
        description="For inception and dinov2: the weights file, as a path or an https URL. inception: "
        "torch-fidelity's weights-inception-2015-12-05-6726825d.pth; dinov2: a model.safetensors in timm's naming.",
        max_length=2000,
    )
    weights_sha256: str = Field(
        "",
        title="Weights sha256",
        description="The sha256 of the weights file, 64 hex digits. It is part of every score's protocol.",
        pattern="^([0-9a-f]{64})?$",
    )
    input_size: int = Field(
        0,
        title="Feature net input size",
        description="Images are resized to this many pixels a side for the feature net; 0: the size of its training. "
        "112 is about four times as fast as EfficientNet's 224 on a CPU and still orders images by quality.",
        ge=0,
        le=600,
    )
    batch_size: int = Field(
        16,
        title="Batch size",
        description="Images per pass through the feature net; small batches fit a CPU's cache.",
        ge=1,
        le=4096,
    )
    num_train: int = Field(
        MAX_TRAIN,
        title="Training images",
        description="Number of training images, chosen by the seed, that generated images are compared with to find "
        "memorised ones. A copy is found only if its original is among them. 0: not measured.",
        ge=0,
        le=MAX_TRAIN,
    )
    num_val: int = Field(
        USUAL_VAL,
        title="Validation images",
        description="Largest number of images of the split val that generated images are compared with. In a larger "
        "split, it is the first ones in the order of the shards, which is random. Time and memory grow with this "
        "number, and scores with different numbers are not compared.",
        ge=LEAST_IMAGES,
        le=1_000_000,
    )
    classifier_nimg: int = Field(
        0,
        title="Images a classifier sees",
        description="Also measure how much generated images help as training data with a tenth of the real ones: 15 "
        "small classifiers see this many images each. 20000 suits 32x32 digits and takes minutes on two cores. 0: not "
        "measured.",
        ge=0,
        le=100_000_000,
    )
    seed: int = Field(
        0,
        title="Seed",
        description="Seeds the latents of the generated images, the random subsets of the kernel distance, the choice "
        "of training images, and the classifiers.",
        ge=0,
        le=2**32 - 1,
    )
    device: DeviceName = Field(
        "auto",
        title="Device",
        description="Where networks are computed; auto: the GPU if there is one.",
    )

    @property
    def second(self) -> str:
        """The second feature net; empty where only one judges."""
        return "" if self.second_net in ("none", self.feature_net) else self.second_net

    @property
    def gain(self) -> GainConfig | None:
        """The settings of the classifier gain; None where it is not measured."""
        if not self.classifier_nimg:
            return None
        return GainConfig(classifier=ClassifierConfig(nimg=self.classifier_nimg, seed=self.seed))

    @field_validator("input_size")
    @classmethod
    def _is_zero_or_large_enough(cls, size: int) -> int:
        if 0 < size < SMALLEST_INPUT:
            raise ConfigError(f"input_size {size} is too small for a feature net: use {SMALLEST_INPUT} or more, or 0")
        return size

    @model_validator(mode="after")
    def _weights_are_named(self) -> Self:
        needed = self.feature_net in ("inception", "dinov2")
        if needed and not (self.weights and self.weights_sha256):
            raise ConfigError(
                f"feature_net {self.feature_net} needs a weights file: give its path or https URL in weights, and its "
                "sha256 in weights_sha256"
            )
        if not needed and (self.weights or self.weights_sha256):
            raise ConfigError(
                f"weights are given, but feature_net {self.feature_net} does not use a weights file: leave out weights "
                "and weights_sha256, or choose inception or dinov2"
            )
        return self
