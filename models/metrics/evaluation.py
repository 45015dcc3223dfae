"""Evaluation: scores of generated images against reference features, together with their protocol.

Generated images are an iterator of uint8 NCHW batches. So networks, loaded model versions and folders of images are
scored by the same code. Every score is returned with its protocol. `Protocol.differences` tells the promotion rule
whether two scores may be compared (models/metrics/protocol.py).
"""

from typing import NamedTuple

import numpy as np
from pydantic import Field

from models import Settings
from models.classifier.gain import GainTable
from models.compute.device import select_device
from models.errors import EvaluationError
from models.features.classifier_net import ClassifierNet
from models.features.feature_net import Array, FeatureNet, Images, Progress, compute_all_features
from models.metrics.config import LEAST_IMAGES, EvalConfig
from models.metrics.directions import CLASSIFIER_GAIN
from models.metrics.floors import COVERAGE, baseline_scores
from models.metrics.judges import is_of, label_of, second_name
from models.metrics.protocol import Protocol
from models.metrics.scores import Classes, Interval, Measured, Pair, score_features


class Scores(Settings):
    """Scores by name and the protocol that they were made with, e.g. {"FD-EffNetLite0": 31.4}.

    Lower is better, except where `higher_is_better` says otherwise. `intervals` has the 95% intervals of these scores,
    `by_class` and `by_class_intervals` the Fréchet distance of each class with enough images. `baselines` has the
    floors that follow from the real images (models/metrics/floors.py), `real` has what training images score in place
    of generated ones. Scores of older releases have neither. Names with the label of the second judge are scores of the
    second judge (models/metrics/judges.py).
    """

    values: dict[str, float]
    protocol: Protocol
    intervals: dict[str, Interval] = Field({})
    by_class: dict[str, float] = Field({})
    by_class_intervals: dict[str, Interval] = Field({})
    baselines: dict[str, float] = Field({})
    real: dict[str, float] = Field({})

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

    def with_second(self, measured: Measured, reference: Array) -> "Scores":
        """These scores, and the second judge's with the floors that follow from its reference's features [N, C]."""
        label = label_of(self.protocol.second_net)
        found = {second_name(name, label): score for name, score in measured.scores.items()}
        floors = baseline_scores(reference, f"FD-{label}", second_name(COVERAGE, label))
        return self.model_copy(
            update={
                "values": self.values | {name: score.value for name, score in found.items()},
                "intervals": self.intervals | {name: score.interval for name, score in found.items() if score.interval},
                "baselines": self.baselines | floors,
            }
        )

    def with_real(self, values: dict[str, float]) -> "Scores":
        """These scores, and what real images score."""
        return self.model_copy(update={"real": self.real | values})

    def net_of(self, name: str) -> str:
        """The feature net that a score was measured with. Empty for the classifier gain, which needs none."""
        if name == CLASSIFIER_GAIN:
            return ""
        protocol = self.protocol
        return protocol.second_net if is_of(name, label_of(protocol.second_net)) else protocol.feature_net

    def with_gain(self, table: GainTable) -> "Scores":
        """These scores together with the classifier gain of the table."""
        value, low, high = table.small_gain
        return self.model_copy(
            update={
                "values": self.values | {CLASSIFIER_GAIN: value},
                "intervals": self.intervals | {CLASSIFIER_GAIN: (low, high)},
            }
        )


class Judge(NamedTuple):
    """A feature net, its features of the real images that generated ones are compared with, and of training images."""

    net: FeatureNet
    reference: Array
    train: Array | None = None


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
    second: Judge | None = None,
) -> Evaluation:
    """Score generated images, uint8 NCHW in batches of any size, against reference features [N, C].

    The first `config.num_images` images are used; the sizes of the batches do not change the scores. `train`, features
    of training images, adds the score `memorised`, the closest pairs and what real images score. `classes` adds scores
    by class. `second` adds the scores of a second judge, which sees the same images in the same pass. Raises
    EvaluationError if there are too few images, or if `protocol` does not describe this evaluation.
    """
    _check_protocol(protocol, reference, train, config, net, second)
    nets = [net, second.net] if second else [net]
    features, *others = compute_all_features(generated, nets, config.batch_size, config.num_images, progress)
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
    scores = (
        Scores.of(measured, protocol)
        .with_baselines(reference)
        .with_real(real_scores(Judge(net, reference, train), config))
    )
    if second:
        found = score_features(others[0], second.reference, second.net.label, config.seed, device=device)
        real = {second_name(name, second.net.label): value for name, value in real_scores(second, config).items()}
        scores = scores.with_second(found, second.reference).with_real(real)
    return Evaluation(scores, measured.closest)


def real_scores(judge: Judge, config: EvalConfig) -> dict[str, float]:
    """Score training images as if a generator had made them: what a perfect generator can reach under this protocol.

    As many are drawn by the seed as images are generated, or all there are if they are fewer. Fewer images give a
    larger Fréchet distance. Empty if there are too few real images for scores that mean anything.
    """
    if judge.train is None or min(len(judge.train), len(judge.reference)) < LEAST_IMAGES:
        return {}
    chosen = np.random.default_rng(config.seed).permutation(len(judge.train))[: config.num_images]
    device = select_device(config.device)
    measured = score_features(judge.train[chosen], judge.reference, judge.net.label, config.seed, device=device)
    return {name: score.value for name, score in measured.scores.items()}


def _check_protocol(
    protocol: Protocol,
    reference: Array,
    train: Array | None,
    config: EvalConfig,
    net: FeatureNet,
    second: Judge | None,
) -> None:
    if second and len(second.reference) != len(reference):
        raise EvaluationError(
            f"the second judge has features of {len(second.reference)} real images, the first one of {len(reference)}: "
            "compute both from the same images"
        )
    given = protocol.model_dump(include={"dataset", "dataset_version", "split", "generator_state", "saved_as"})
    num_train = 0 if train is None else len(train)
    used = second.net if second else None
    done = Protocol.of(config, net, second=used, num_reference=len(reference), num_train=num_train, **given)
    if differences := protocol.differences(done):
        raise EvaluationError(
            f"the protocol does not describe this evaluation ({'; '.join(differences)}); "
            "make it with Protocol.of from the same config, net and reference"
        )
