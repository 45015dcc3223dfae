"""The protocol of a score against its JSON, written out: scores of older releases must keep their digests."""

import hashlib
import json

import pytest

from models.classifier.classifier import Classifier
from models.features.classifier_net import ClassifierNet, save_classifier
from models.metrics.config import EvalConfig
from models.metrics.protocol import Protocol

STORED = (
    '{"dataset":"digits","dataset_version":"v1","feature_net":"classifier","generator_state":"ema","input_size":16,'
    '"metrics_revision":3,"num_generated":100,"num_reference":200,"num_train":0,"resize_filter":'
    '"bicubic-antialias-float","seed":7,"split":"val","weights_sha256":"SHA256"}'
)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> ClassifierNet:
    path = tmp_path_factory.mktemp("net") / "classifier.safetensors"
    save_classifier(Classifier(resolution=16, channels=1, num_classes=2, width=4), path)
    return ClassifierNet(path)


def protocol(net: ClassifierNet, second: ClassifierNet | None = None, **settings: int) -> Protocol:
    config = EvalConfig(num_images=100, feature_net="classifier", seed=7, **settings)
    return Protocol.of(config, net, second=second, dataset="digits", dataset_version="v1", num_reference=200)


def test_digest_is_that_of_the_stored_json(net: ClassifierNet) -> None:
    text = STORED.replace("SHA256", net.sha256)
    found = protocol(net)
    assert found.digest() == hashlib.sha256(text.encode()).hexdigest()[:12]
    assert Protocol.model_validate_json(text) == found
    assert Protocol.model_validate(json.loads(text) | {"saved_as": "jpeg:75"}).digest() != found.digest()


def test_scores_that_were_stored_without_training_images_had_none(net: ClassifierNet) -> None:
    stored = json.loads(STORED.replace("SHA256", net.sha256))
    del stored["num_train"], stored["metrics_revision"]
    assert Protocol.model_validate(stored) == protocol(net)


def test_the_classifier_gain_is_part_of_the_protocol_where_it_is_measured(net: ClassifierNet) -> None:
    without, measured = protocol(net), protocol(net, classifier_nimg=50)
    assert without.classifier_gain == ""
    assert len(measured.classifier_gain) == 12
    assert measured.classifier_gain != protocol(net, classifier_nimg=60).classifier_gain
    assert without.differences(measured) == [f"classifier_gain:  != {measured.classifier_gain}"]
    assert without.digest() != measured.digest()


def test_the_second_judge_is_part_of_the_protocol(net: ClassifierNet) -> None:
    """Its name, the hash of its weights and its input size; the digest is that of the JSON with these three fields."""
    found = protocol(net, second=net)
    text = STORED.replace("SHA256", net.sha256).replace(
        '"seed":7,',
        f'"second_input_size":16,"second_net":"classifier","second_weights_sha256":"{net.sha256}","seed":7,',
    )
    assert found.digest() == hashlib.sha256(text.encode()).hexdigest()[:12]
    assert [one.split(":")[0] for one in protocol(net).differences(found)] == [
        "second_net",
        "second_weights_sha256",
        "second_input_size",
    ]
