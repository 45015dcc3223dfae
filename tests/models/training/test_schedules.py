import pytest
import torch
from pydantic import ValidationError

from models.augmentation.adaptive import INTERVAL, AdaptiveStrength
from models.augmentation.config import AugmentConfig
from models.augmentation.differentiable import augment
from models.compute.draws import Draws
from models.training.config import TrainConfig
from models.training.schedules import cosine, moment


def test_a_cosine_starts_flat_passes_the_middle_and_stays_at_its_end() -> None:
    assert [cosine(2, 6, share) for share in (0, 0.5, 1, 3)] == pytest.approx([2, 4, 6, 6])
    assert cosine(0, 1, 0.25) == pytest.approx(0.5 * (1 - 2**-0.5))


def test_without_a_schedule_nothing_moves() -> None:
    config = TrainConfig()
    assert moment(config, 0) == moment(config, 10**9)


def test_the_preset_moves_all_five_to_their_ends() -> None:
    config = TrainConfig(preset="r3-64")
    first, last = moment(config, 0), moment(config, 20_000_000)
    assert (first.learning_rate, first.beta2, first.gamma) == pytest.approx((2e-4, 0.9, 2.0))
    assert (first.ema_half_life_nimg, first.augment_strength, first.ema_decay(256)) == (0, 0, 0)
    assert (last.learning_rate, last.beta2, last.gamma) == pytest.approx((5e-5, 0.99, 0.2))
    assert (last.ema_half_life_nimg, last.augment_strength) == pytest.approx((500_000, 0.3))


def test_what_is_set_explicitly_wins_over_the_preset() -> None:
    config = TrainConfig(preset="r3-tiny", width=24, augment={"cutout": 0.0}, schedule={"gamma": 7})
    assert (config.family, config.width, config.batch_size) == ("r3", 24, 16)
    assert (config.augment.policy, config.augment.cutout) == ("scheduled", 0.0)
    assert (config.schedule.kind, config.schedule.gamma, config.schedule.learning_rate) == ("cosine", 7, 2.5e-4)


def test_a_config_with_a_preset_survives_json() -> None:
    config = TrainConfig(preset="r3-32", nimg=5)
    assert TrainConfig.model_validate_json(config.model_dump_json()) == config


def test_a_family_alone_brings_its_defaults() -> None:
    assert TrainConfig(family="r3").schedule.kind == "cosine"
    assert TrainConfig(family="vae").beta1 == 0.9


def test_a_preset_of_another_family_is_refused() -> None:
    with pytest.raises(ValidationError, match="r3-64 is for family r3, not vae"):
        TrainConfig(preset="r3-64", family="vae")
    with pytest.raises(ValidationError, match="projected-gpu is for family projected, not dcgan"):
        TrainConfig(preset="projected-gpu", family="dcgan")


def test_a_preset_of_a_family_stands_on_the_defaults_of_the_family() -> None:
    config = TrainConfig.model_validate({"preset": "projected-gpu", "augment": {"flip": True}})
    assert (config.family, config.width, config.batch_size, config.latent_dim) == ("projected", 128, 64, 256)
    assert (config.augment.flip, config.augment.cutout, config.augment.scale) == (True, 0.5, 0.0)


def adapt(sign: float, steps: int, config: AugmentConfig, start: float = 0.0) -> float:
    strength = AdaptiveStrength(torch.device("cpu"))
    strength.value = torch.tensor(start)
    for _ in range(steps):
        strength.observe(torch.tensor(sign), 8, config)
    return float(strength.value)


def test_the_strength_moves_by_images_over_adaptation_time() -> None:
    config = AugmentConfig(policy="adaptive", adapt_nimg=1000)
    assert adapt(0.9, 3, config) == 0
    assert adapt(0.9, 5 * INTERVAL, config) == pytest.approx(5 * INTERVAL * 8 / 1000)
    assert adapt(0.1, INTERVAL, config, start=0.5) == pytest.approx(0.5 - INTERVAL * 8 / 1000)
    at_target = config.model_copy(update={"target": 0.5})
    assert adapt(0.5, INTERVAL, at_target, start=0.5) == pytest.approx(0.5)


def test_the_strength_stays_between_zero_and_its_cap() -> None:
    config = AugmentConfig(policy="adaptive", adapt_nimg=10, strength=0.7)
    assert adapt(1.0, 100, config) == pytest.approx(0.7)
    assert adapt(-1.0, 100, config, start=0.7) == 0


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_strength_is_the_share_of_images_changed(strength: float) -> None:
    images = torch.ones(2000, 1, 4, 4)
    config = AugmentConfig(translation=0, scale=0, colour=1.0)
    draws = Draws((0,), torch.device("cpu"), 2000)
    changed = (augment(images, config, draws, strength) != images).flatten(1).any(dim=1).float().mean()
    assert changed.item() == pytest.approx(strength, abs=0.03)


def test_a_flip_is_part_of_a_runs_identity_only_where_it_is_on() -> None:
    assert "flip" not in TrainConfig().identity()
    assert '"flip":true' in TrainConfig.model_validate({"augment": {"flip": True}}).identity()
