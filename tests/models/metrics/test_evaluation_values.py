"""What an evaluation adds to the scores: floors, the classifier gain, the classifier's score, memorised images."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.classifier.classifier import Classifier
from models.classifier.config import GainConfig
from models.classifier.gain import GainRow, GainTable
from models.errors import EvaluationError
from models.features.classifier_net import ClassifierNet, save_classifier
from models.features.feature_net import FeatureNet, compute_features
from models.metrics.config import EvalConfig
from models.metrics.evaluation import Evaluation, Judge, Scores, evaluate
from models.metrics.protocol import Protocol
from models.metrics.scores import classifier_score

RNG = np.random.default_rng(0)
REAL, TRAIN = (RNG.integers(0, 256, (n, 1, 16, 16), dtype=np.uint8) for n in (30, 25))
CONFIG = EvalConfig(num_images=20, feature_net="classifier")


class Pixels(FeatureNet):
    """The features of an image are a few of its pixels."""

    name = label = "pixels"
    sha256 = "0" * 64
    num_features, input_size = 4, 16
    device = torch.device("cpu")

    def extract(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels[:, 0, 0, :4]


class OtherPixels(Pixels):
    """Judges under the name of the second judge."""

    name, label = "mobilenetv2", "MobileNetV2"

    def extract(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels[:, 0, 5, 4:8]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> ClassifierNet:
    path: Path = tmp_path_factory.mktemp("net") / "classifier.safetensors"
    torch.manual_seed(0)
    save_classifier(Classifier(resolution=16, channels=1, num_classes=2, width=4), path)
    return ClassifierNet(path)


def protocol_of(net: FeatureNet, num_train: int = 0) -> Protocol:
    return Protocol.of(CONFIG, net, dataset="d", dataset_version="v", num_reference=30, num_train=num_train)


def evaluated(net: FeatureNet, images: np.ndarray, num_train: int = 0, claimed: int | None = None) -> Evaluation:
    train = compute_features(TRAIN, net)[:num_train] if num_train else None
    protocol = protocol_of(net, num_train if claimed is None else claimed)
    return evaluate(images, compute_features(REAL, net), CONFIG, net, protocol, train=train)


def test_a_classifier_gives_its_own_score_and_other_nets_do_not(net: ClassifierNet) -> None:
    images = REAL[::-1][:20]
    expected = classifier_score(net.predict(compute_features(images, net)))
    found = evaluated(net, images).scores
    assert found.values["classifier-score"] == pytest.approx(expected.value)
    assert "classifier-score" not in evaluated(Pixels(), images).scores.values


def test_the_number_of_training_images_must_be_that_of_the_protocol() -> None:
    images = TRAIN[:20]
    assert "memorised" not in evaluated(Pixels(), images).scores.values
    assert evaluated(Pixels(), images, num_train=25).scores.values["memorised"] == 1
    with pytest.raises(EvaluationError, match="num_train: 0 != 25"):
        evaluated(Pixels(), images, num_train=25, claimed=0)
    with pytest.raises(EvaluationError, match="num_train: 25 != 0"):
        evaluated(Pixels(), images, claimed=25)


@pytest.mark.parametrize("names", [("KD-x", "FD-x", "precision"), ("KID", "FID", "precision")])
def test_the_floor_of_the_distance_has_the_name_of_the_frechet_distance(names: tuple[str, ...]) -> None:
    scores = Scores(values=dict.fromkeys(names, 1.0), protocol=protocol_of(Pixels()))
    reference = np.array([[0.0, 1.0], [2.0, 5.0]])
    assert scores.with_baselines(reference).baselines == pytest.approx({names[1]: 15.0, "coverage": 15 / 16})


def test_the_classifier_gain_is_a_score_with_an_interval() -> None:
    rows = [
        GainRow(num_real=n, trained_on="x", test="clean", accuracy=0.5, interval=(0.4, 0.6)) for n in (0, 100, 1000)
    ]
    gains = {"100 clean": (0.05, 0.01, 0.09), "1000 clean": (0.01, -0.01, 0.03), "0 clean": (1, 1, 1)}
    table = GainTable(config=GainConfig(), num_generated=10, num_val=10, rows=rows, gains=gains)
    scores = Scores(values={"FD-x": 3.0}, intervals={"FD-x": (2.0, 4.0)}, protocol=protocol_of(Pixels()))
    found = scores.with_gain(table)
    assert found.values == {"FD-x": 3.0, "classifier-gain": 0.05}
    assert found.intervals == {"FD-x": (2.0, 4.0), "classifier-gain": (0.01, 0.09)}


def test_as_many_images_as_asked_for_are_enough() -> None:
    assert evaluated(Pixels(), REAL[:20]).scores.protocol.num_generated == 20
    with pytest.raises(EvaluationError, match="made 19 images, but num_images is 20"):
        evaluated(Pixels(), REAL[:19])


def test_a_second_judge_adds_its_scores_and_its_floors() -> None:
    first, other = Pixels(), OtherPixels()
    second = Judge(other, compute_features(REAL, other))
    protocol = Protocol.of(CONFIG, first, second=other, dataset="d", dataset_version="v", num_reference=30)
    images, reference = TRAIN[:20], compute_features(REAL, first)
    found = evaluate(images, reference, CONFIG, first, protocol, second=second).scores
    alone = evaluated(first, images).scores
    of_other = evaluated(other, images).scores
    renamed = {name: name if "MobileNetV2" in name else f"{name}-MobileNetV2" for name in of_other.values}
    for kind in ("values", "intervals", "baselines"):
        expected = {renamed[name]: value for name, value in getattr(of_other, kind).items()}
        expected |= getattr(alone, kind)
        assert getattr(found, kind) == {name: pytest.approx(value) for name, value in expected.items()}
    nets = [found.net_of(name) for name in ("FD-pixels", "recall", "recall-MobileNetV2", "classifier-gain")]
    assert nets == ["pixels", "pixels", "mobilenetv2", ""]
    with pytest.raises(EvaluationError, match="features of 29 real images, the first one of 30"):
        evaluate(images, reference, CONFIG, first, protocol, second=Judge(other, second.reference[:29]))
    with pytest.raises(EvaluationError, match="second_net: mobilenetv2 != "):
        evaluate(images, reference, CONFIG, first, protocol)
