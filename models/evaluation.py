"""Scores with the protocol that made them: generated images against reference features, cached by content.

The caller hands in generated images as an iterator of uint8 NCHW batches, so that a network, a loaded model
version or a folder of images is scored by the same code. No score leaves this module without its protocol,
and `Protocol.differences` is how the gate tells whether two scores may be compared at all (models/protocol.py).
"""

from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from models.classifier import ClassifierConfig
from models.classifier_gain import GainConfig, GainTable
from models.classifier_net import ClassifierNet
from models.compute import DeviceName, select_device
from models.errors import ConfigError, EvaluationError
from models.features import Array, FeatureNet, Images, Progress, compute_features
from models.protocol import Protocol
from models.scores import CLASSIFIER_GAIN, Classes, Interval, Measured, Pair, score_features

__all__ = [
    "EvalConfig",
    "Evaluation",
    "Protocol",
    "Scores",
    "evaluate",
]

MAX_TRAIN = 10_000
SMALLEST_INPUT = 32


class EvalConfig(BaseModel):
    """How a generator is scored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class Scores(BaseModel):
    """Named numbers and the protocol that made them, e.g. {"FD-EffNetLite0": 31.4}.

    Lower is better, but for the names of which `higher_is_better` says otherwise. `intervals` has 95% intervals
    of the same names, `by_class` and `by_class_intervals` the Fréchet distance of each class with enough images.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: dict[str, float]
    protocol: Protocol
    intervals: dict[str, Interval] = {}
    by_class: dict[str, float] = {}
    by_class_intervals: dict[str, Interval] = {}

    @classmethod
    def of(cls, measured: Measured, protocol: Protocol) -> "Scores":
        """Put numbers and their protocol together."""
        scores, classes = measured.scores, measured.by_class
        return cls(
            protocol=protocol,
            values={name: score.value for name, score in scores.items()},
            intervals={name: score.interval for name, score in scores.items() if score.interval},
            by_class={name: score.value for name, score in classes.items()},
            by_class_intervals={name: score.interval for name, score in classes.items() if score.interval},
        )

    def with_gain(self, table: GainTable) -> "Scores":
        """These scores and the classifier gain of the table."""
        value, low, high = table.small_gain
        return self.model_copy(
            update={
                "values": self.values | {CLASSIFIER_GAIN: value},
                "intervals": self.intervals | {CLASSIFIER_GAIN: (low, high)},
            }
        )


class Evaluation(NamedTuple):
    """Scores, and the generated images that lie closest to training images, closest first."""

    scores: Scores
    closest: list[Pair]


def evaluate(
    generated: Images,
    reference: Array,
    config: EvalConfig,
    net: FeatureNet,
    protocol: Protocol,
    progress: Progress | None = None,
    *,
    train: Array | None = None,
    classes: Classes | None = None,
) -> Evaluation:
    """Score generated images, uint8 NCHW in batches of any size, against reference features [N, C].

    Takes the first `config.num_images` images; the sizes of the batches do not change the scores. `train`, features
    of training images, adds the score `memorised` and the closest pairs; `classes` adds scores by class. Raises
    EvaluationError if there are too few images, or if `protocol` does not describe what is done here.
    """
    _check_protocol(protocol, reference, train, config, net)
    features = compute_features(generated, net, config.batch_size, config.num_images, progress)
    if len(features) < config.num_images:
        raise EvaluationError(
            f"the generator gave {len(features)} images, but num_images is {config.num_images}; "
            "hand in at least as many, or lower num_images"
        )
    device = select_device(config.device)
    measured = score_features(
        features,
        reference,
        net.label,
        config.seed,
        train=train,
        classes=classes,
        predictions=net.predict(features) if isinstance(net, ClassifierNet) else None,
        device=device,
    )
    return Evaluation(Scores.of(measured, protocol), measured.closest)


def _check_protocol(
    protocol: Protocol, reference: Array, train: Array | None, config: EvalConfig, net: FeatureNet
) -> None:
    given = protocol.model_dump(include={"dataset", "dataset_version", "split", "generator_state", "saved_as"})
    num_train = 0 if train is None else len(train)
    done = Protocol.of(config, net, num_reference=len(reference), num_train=num_train, **given)
    if differences := protocol.differences(done):
        raise EvaluationError(
            f"the protocol does not describe this evaluation ({'; '.join(differences)}); "
            "make it with Protocol.of from the same config, net and reference"
        )
