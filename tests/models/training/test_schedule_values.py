"""Schedules and the adaptive strength against values worked out by hand."""

import pytest
import torch

from models.augmentation.adaptive import AdaptiveStrength
from models.augmentation.differentiable import AugmentConfig
from models.training.config import TrainConfig
from models.training.schedules import Moment, cosine, moment


@pytest.mark.parametrize(("batch_size", "decay"), [(1000, 0.5), (500, 2**-0.5), (2000, 0.25)])
def test_half_of_the_average_is_gone_after_the_half_life(batch_size: int, decay: float) -> None:
    now = Moment(learning_rate=1, beta2=1, gamma=1, ema_half_life_nimg=1000, augment_strength=0)
    assert now.ema_decay(batch_size) == pytest.approx(decay)


@pytest.mark.parametrize(("schedule_nimg", "reached"), [(0, 400), (100, 100)])
def test_schedule_ends_at_its_own_length_or_with_the_training(schedule_nimg: int, reached: int) -> None:
    final = {"kind": "cosine", "nimg": schedule_nimg, "learning_rate": 1e-5, "beta2": 0.5, "gamma": 7}
    config = TrainConfig(nimg=400, schedule=final, learning_rate=3e-5, beta2=0.9, gamma=1, ema_half_life_nimg=50)
    middle, end = moment(config, reached // 2), moment(config, reached)
    assert (middle.learning_rate, middle.beta2, middle.gamma) == pytest.approx((2e-5, 0.7, 4))
    assert (end.learning_rate, end.beta2, end.gamma, end.ema_half_life_nimg) == pytest.approx((1e-5, 0.5, 7, 50))
    assert middle.ema_half_life_nimg == pytest.approx(25)
    assert moment(config, reached // 4).gamma == pytest.approx(cosine(1, 7, 0.25))


@pytest.mark.parametrize(("policy", "strengths"), [("scheduled", (0, 0.3, 0.6)), ("adaptive", (0.6, 0.6, 0.6))])
def test_only_scheduled_augmentation_grows(policy: str, strengths: tuple[float, ...]) -> None:
    config = TrainConfig(nimg=400, augment={"policy": policy, "strength": 0.6})
    assert [moment(config, nimg).augment_strength for nimg in (0, 200, 400)] == pytest.approx(strengths)


def test_the_strength_moves_after_four_steps_as_in_the_paper() -> None:
    config = AugmentConfig(policy="adaptive", adapt_nimg=1000)
    strength = AdaptiveStrength(torch.device("cpu"))
    found = []
    for sign in (0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.9):  # means of 0.7 and 0.3 against a target of 0.6
        strength.observe(torch.tensor(sign), 8, config)
        found.append(float(strength.value))
    assert found == pytest.approx([0, 0, 0, 0.032, 0.032, 0.032, 0.032, 0])


def test_each_four_steps_are_averaged_on_their_own() -> None:
    config = AugmentConfig(policy="adaptive", adapt_nimg=1000)
    strength = AdaptiveStrength(torch.device("cpu"))
    for sign in (0.9,) * 4 + (0.5,) * 4:  # a sum that did not begin at 0 again would exceed 4 times the target of 0.6
        strength.observe(torch.tensor(sign), 8, config)
    assert float(strength.value) == pytest.approx(0)
