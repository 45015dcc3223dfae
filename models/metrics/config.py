"""Settings of an evaluation: how many images, which feature net, on what device."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from models import Settings
from models.classifier.classifier import ClassifierConfig
from models.classifier.gain import GainConfig
from models.compute.device import DeviceName
from models.errors import ConfigError

MAX_TRAIN = 10_000
SMALLEST_INPUT = 32


class EvalConfig(Settings):
    """How a generator is scored."""

    num_images: int = Field(
        2000,
        title="Generated images",
        description="How many images are generated and scored. The Fréchet distance depends on this number, "
        "so only scores with the same number are compared. Fewer than about 1000 make a noisy score.",
        ge=4,
        le=1_000_000,
    )
    feature_net: Literal["efficientnet-lite0", "inception", "dinov2", "classifier"] = Field(
        "efficientnet-lite0",
        title="Feature net",
        description="The network whose features are compared: EfficientNet-Lite0 with ImageNet weights (needs nothing "
        "else), Inception (FID and KID) or DINOv2 with a weights file of yours, or a classifier that is trained on the "
        "dataset's own labels.",
    )
    weights: str = Field(
        "",
        title="Weights file",
        description="For inception and dinov2: the file of weights, a path or an https URL. inception: "
        "torch-fidelity's weights-inception-2015-12-05-6726825d.pth; dinov2: a model.safetensors in timm's naming.",
        max_length=2000,
    )
    weights_sha256: str = Field(
        "",
        title="Weights' sha256",
        description="What the weights file must hash to, 64 hex digits; goes with every score.",
        pattern="^([0-9a-f]{64})?$",
    )
    input_size: int = Field(
        0,
        title="Feature net input size",
        description="Images are resized to this many pixels a side for the feature net; 0: what it was trained on. "
        "112 is about four times as fast as EfficientNet's 224 on a CPU and still orders images by quality.",
        ge=0,
        le=600,
    )
    batch_size: int = Field(
        16,
        title="Batch size",
        description="Images a pass through the feature net; small batches stay in a CPU's cache.",
        ge=1,
        le=4096,
    )
    num_train: int = Field(
        MAX_TRAIN,
        title="Training images",
        description="How many training images, chosen by the seed, the generated ones are held against to see which "
        "were memorised. A copy is found only if its original is among them. 0: not measured.",
        ge=0,
        le=MAX_TRAIN,
    )
    classifier_nimg: int = Field(
        0,
        title="Images a classifier sees",
        description="Also score what generated images add to a tenth of the real ones as training data: 15 small "
        "classifiers are trained on so many images each. 20000 suits 32x32 digits, minutes on two cores. 0: not "
        "measured.",
        ge=0,
        le=100_000_000,
    )
    seed: int = Field(
        0,
        title="Seed",
        description="Seeds the latents of the generated images, the kernel distance's random subsets, the choice "
        "of training images and the classifiers.",
        ge=0,
        le=2**32 - 1,
    )
    device: DeviceName = Field(
        "auto",
        title="Device",
        description="Where the networks run: auto takes the GPU if there is one.",
    )

    @property
    def gain(self) -> GainConfig | None:
        """How the classifier gain is measured; None where it is not asked for."""
        if not self.classifier_nimg:
            return None
        return GainConfig(classifier=ClassifierConfig(nimg=self.classifier_nimg, seed=self.seed))

    @field_validator("input_size")
    @classmethod
    def _is_zero_or_large_enough(cls, size: int) -> int:
        if 0 < size < SMALLEST_INPUT:
            raise ConfigError(f"feature nets see nothing in {size} pixels: use {SMALLEST_INPUT} or more, or 0")
        return size

    @model_validator(mode="after")
    def _weights_are_named(self) -> Self:
        needed = self.feature_net in ("inception", "dinov2")
        if needed and not (self.weights and self.weights_sha256):
            raise ConfigError(
                f"feature_net is {self.feature_net}, whose weights come with no package: name the file in weights "
                "(a path or an https URL) and what it must hash to in weights_sha256"
            )
        if not needed and (self.weights or self.weights_sha256):
            raise ConfigError(
                f"weights are named, but feature_net {self.feature_net} brings its own: leave out weights and "
                "weights_sha256, or choose inception or dinov2"
            )
        return self
