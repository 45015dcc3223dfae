"""Evaluation: scores of generated images against reference features, together with their protocol.

Generated images are an iterator of uint8 NCHW batches. So networks, loaded model versions and folders of images are
scored by the same code. Every score is returned with its protocol. `Protocol.differences` tells the promotion rule
whether two scores may be compared (models/metrics/protocol.py).
"""

from typing import NamedTuple

from pydantic import Field

from models import Settings
from models.classifier.gain import GainTable
from models.compute.device import select_device
from models.errors import EvaluationError
from models.features.classifier_net import ClassifierNet
from models.features.feature_net import Array, FeatureNet, Images, Progress, compute_features
from models.metrics.config import EvalConfig
from models.metrics.floors import baseline_scores
from models.metrics.protocol import Protocol
from models.metrics.scores import CLASSIFIER_GAIN, Classes, Interval, Measured, Pair, score_features


class Scores(Settings):
    """Scores by name and the protocol that they were made with, e.g. {"FD-EffNetLite0": 31.4}.

    Lower is better, except where `higher_is_better` says otherwise. `intervals` has the 95% intervals of these scores,
    `by_class` and `by_class_intervals` the Fréchet distance of each class with enough images. `baselines` has the
    floors that follow from the real images (models/metrics/floors.py). Scores of older releases have none.
    """

    values: dict[str, float]
    protocol: Protocol
    intervals: dict[str, Interval] = Field({})
    by_class: dict[str, float] = Field({})
    by_class_intervals: dict[str, Interval] = Field({})
    baselines: dict[str, float] = Field({})

    @classmethod
    def of(cls, measured: Measured, protocol: Protocol) -> "Scores":
        """The measured scores with their protocol."""
        scores, classes = measured.scores, measured.by_class
        return cls(
            protocol=protocol,
            values={name: score.value for name, score in scores.items()},
            intervals={name: score.interval for name, score in scores.items() if score.interval},
            by_class={name: score.value for name, score in classes.items()},
            by_class_intervals={name: score.interval for name, score in classes.items() if score.interval},
        )

    def with_baselines(self, reference: Array) -> "Scores":
        """These scores and the floors that follow from the reference's features [N, C]."""
        frechet = next(name for name in self.values if name == "FID" or name.startswith("FD-"))
        baselines = baseline_scores(reference, frechet)
        return self.model_copy(update={"baselines": baselines})

    def with_gain(self, table: GainTable) -> "Scores":
        """These scores together with the classifier gain of the table."""
        value, low, high = table.small_gain
        return self.model_copy(
            update={
                "values": self.values | {CLASSIFIER_GAIN: value},
                "intervals": self.intervals | {CLASSIFIER_GAIN: (low, high)},
            }
        )


class Evaluation(NamedTuple):
    """Scores, and the generated images closest to training images, closest first."""

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

    The first `config.num_images` images are used; the sizes of the batches do not change the scores. `train`, features
    of training images, adds the score `memorised` and the closest pairs. `classes` adds scores by class. Raises
    EvaluationError if there are too few images, or if `protocol` does not describe this evaluation.
    """
    _check_protocol(protocol, reference, train, config, net)
    features = compute_features(generated, net, config.batch_size, config.num_images, progress)
    if len(features) < config.num_images:
        raise EvaluationError(
            f"the generator made {len(features)} images, but num_images is {config.num_images}: "
            "pass at least as many images, or lower num_images"
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
    return Evaluation(Scores.of(measured, protocol).with_baselines(reference), measured.closest)


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
