"""Scores with the protocol that made them: generated images against reference features, cached by content.

The caller hands in generated images as an iterator of uint8 NCHW batches, so that a network, a loaded model
version or a folder of images is scored by the same code. No score leaves this module without its protocol,
and `Protocol.differences` is how the gate tells whether two scores may be compared at all.
"""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import numpy as np
import safetensors
import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors.numpy import save_file

from models.errors import EvaluationError
from models.features import Array, FeatureNet, Images, Progress, compute_features
from models.scores import Classes, Interval, Measured, Pair, higher_is_better, score_features

__all__ = [
    "EvalConfig",
    "Evaluation",
    "Protocol",
    "Scores",
    "evaluate",
    "higher_is_better",
    "reference_features",
    "resolve_device",
]

logger = logging.getLogger(__name__)

METRICS_REVISION = 2  # raise it when a formula in metrics, neighbours or scores changes what it gives
MAX_TRAIN = 10_000


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
    feature_net: Literal["efficientnet-lite0"] = Field(
        "efficientnet-lite0",
        title="Feature net",
        description="The network whose features are compared: EfficientNet-Lite0 with ImageNet weights.",
    )
    input_size: int = Field(
        224,
        title="Feature net input size",
        description="Images are resized to this many pixels a side for the feature net. 224 is what it was "
        "trained on; 112 is about four times as fast on a CPU and still orders images by quality.",
        ge=32,
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
    seed: int = Field(
        0,
        title="Seed",
        description="Seeds the latents of the generated images, the kernel distance's random subsets and the choice "
        "of training images.",
        ge=0,
        le=2**32 - 1,
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        title="Device",
        description="Where the networks run: auto takes the GPU if there is one.",
    )


class Protocol(BaseModel):
    """All that a score depends on besides the generator; scores compare only under equal protocols."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature_net: str
    weights_sha256: str
    input_size: int
    resize_filter: str
    num_generated: int
    num_reference: int
    num_train: int = 0
    dataset: str
    dataset_version: str
    split: str
    seed: int
    generator_state: str = "ema"
    metrics_revision: int = METRICS_REVISION

    @classmethod
    def of(
        cls,
        config: EvalConfig,
        net: FeatureNet,
        *,
        dataset: str,
        dataset_version: str,
        num_reference: int,
        num_train: int = 0,
        split: str = "val",
        generator_state: str = "ema",
    ) -> "Protocol":
        """Put together the protocol of scoring a generator against that split of the dataset."""
        return cls(
            feature_net=net.name,
            weights_sha256=net.sha256,
            input_size=net.input_size,
            resize_filter=net.resize_filter,
            num_generated=config.num_images,
            num_reference=num_reference,
            num_train=num_train,
            dataset=dataset,
            dataset_version=dataset_version,
            split=split,
            seed=config.seed,
            generator_state=generator_state,
        )

    def digest(self) -> str:
        """Give 12 hex digits of the sha256 of the canonical JSON; scores compare only where it is equal."""
        return hashlib.sha256(_canonical_json(self.model_dump()).encode()).hexdigest()[:12]

    def differences(self, other: "Protocol") -> list[str]:
        """Give one "field: this != other" for each field in which two protocols differ."""
        mine, theirs = self.model_dump(), other.model_dump()
        return [f"{name}: {mine[name]} != {theirs[name]}" for name in mine if mine[name] != theirs[name]]


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


class Evaluation(NamedTuple):
    """Scores, and the generated images that lie closest to training images, closest first."""

    scores: Scores
    closest: list[Pair]


def resolve_device(device: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """Give the torch device that the word means; raises EvaluationError for a GPU that is not there."""
    if device == "cuda" and not torch.cuda.is_available():
        raise EvaluationError("device is cuda, but torch sees no GPU here; choose auto or cpu")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


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
    device = resolve_device(config.device)
    measured = score_features(features, reference, net.label, config.seed, train=train, classes=classes, device=device)
    return Evaluation(Scores.of(measured, protocol), measured.closest)


def _check_protocol(
    protocol: Protocol, reference: Array, train: Array | None, config: EvalConfig, net: FeatureNet
) -> None:
    given = protocol.model_dump(include={"dataset", "dataset_version", "split", "generator_state"})
    num_train = 0 if train is None else len(train)
    done = Protocol.of(config, net, num_reference=len(reference), num_train=num_train, **given)
    if differences := protocol.differences(done):
        raise EvaluationError(
            f"the protocol does not describe this evaluation ({'; '.join(differences)}); "
            "make it with Protocol.of from the same config, net and reference"
        )


def reference_features(
    images: Images,
    net: FeatureNet,
    cache_dir: Path,
    content_key: str,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> Array:
    """Give the features [N, C] float32 of real images, from the cache if the same content was seen before.

    `content_key` names the content, never a place: dataset version, split and number of images. Together
    with the net's name, weights, size and filter it is the cache's key. `images` may be a generator: on a hit
    it is not touched, so nothing is read. A damaged cache file is computed anew and replaced.
    """
    key = _canonical_json([content_key, net.name, net.sha256, net.input_size, net.resize_filter])
    path = cache_dir / f"features-{hashlib.sha256(key.encode()).hexdigest()[:24]}.safetensors"
    cached = _read_cache(path, key)
    if cached is not None:
        return cached
    features = compute_features(images, net, batch_size, progress=progress)
    _write_cache(path, key, features)
    return features


def _read_cache(path: Path, key: str) -> Array | None:
    if not path.exists():
        return None
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            about, features = file.metadata(), np.asarray(file.get_tensor("features"))
        if about == {"key": key, "sha256": _array_sha256(features)}:
            return features
    except (safetensors.SafetensorError, OSError) as error:
        logger.debug("%s: %s", path, error)
    logger.warning("reference features in %s are damaged: computing them again", path)
    return None


def _write_cache(path: Path, key: str, features: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own for each writer: two evaluations at once then write twice, but never into each other.
    unfinished = path.with_name(f".{path.stem}.{uuid4().hex}.tmp")
    save_file({"features": features}, unfinished, {"key": key, "sha256": _array_sha256(features)})
    unfinished.replace(path)


def _array_sha256(array: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _canonical_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
