"""Names of scores under two judges."""

import pytest

from models.metrics.judges import base_name, is_of, label_of, second_name


@pytest.mark.parametrize(
    ("name", "of_second", "base", "belongs"),
    [
        ("recall", "recall-MobileNetV2", "recall", False),
        ("recall-MobileNetV2", "recall-MobileNetV2", "recall", True),
        ("KD-MobileNetV2-std", "KD-MobileNetV2-std", "KD-std", True),
        ("FD-EffNetLite0", "FD-EffNetLite0-MobileNetV2", "FD", False),
        ("classifier-gain", "classifier-gain-MobileNetV2", "classifier-gain", False),
    ],
)
def test_names_with_and_without_a_label(name: str, of_second: str, base: str, belongs: bool) -> None:
    assert second_name(name, "MobileNetV2") == of_second
    assert base_name(name) == base
    assert is_of(name, "MobileNetV2") is belongs


def test_a_net_that_cannot_be_the_second_judge_has_no_label() -> None:
    assert (label_of("mobilenetv2"), label_of("efficientnet-lite0"), label_of("")) == ("MobileNetV2", "EffNetLite0", "")
    assert not is_of("", "")
