"""A training says which feature nets it uses, so that the promotion rule can refuse their scores."""

import pytest

from models.networks.names import DISCRIMINATOR_NETS
from models.training.config import TrainConfig

CHOICE = "its scores choose the best checkpoint"


def test_quick_scores_use_the_first_judge() -> None:
    assert TrainConfig(family="dcgan").feature_nets_used() == {"efficientnet-lite0": CHOICE}


def test_a_training_without_quick_scores_uses_no_net() -> None:
    assert TrainConfig.model_validate({"family": "dcgan", "health": {"score_ticks": 0}}).feature_nets_used() == {}


def test_the_discriminator_of_projected_uses_the_first_judge() -> None:
    both = f"the discriminator sees its features and {CHOICE}"
    assert TrainConfig(family="projected").feature_nets_used() == {"efficientnet-lite0": both}


def test_a_family_can_use_a_net_in_its_discriminator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DISCRIMINATOR_NETS, "dcgan", "efficientnet-lite0")
    both = f"the discriminator sees its features and {CHOICE}"
    assert TrainConfig(family="dcgan").feature_nets_used() == {"efficientnet-lite0": both}
    monkeypatch.setitem(DISCRIMINATOR_NETS, "dcgan", "mobilenetv2")
    nets = TrainConfig(family="dcgan").feature_nets_used()
    assert nets == {"mobilenetv2": "the discriminator sees its features", "efficientnet-lite0": CHOICE}
