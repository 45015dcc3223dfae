import math

import pytest
import torch

from models.objectives.losses import discriminator_loss, generator_loss, roughness


def test_losses_are_the_logarithms_of_the_paper() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    probability = {"real": torch.sigmoid(real), "fake": torch.sigmoid(fake)}
    expected_d = -(probability["real"].log().mean() + (1 - probability["fake"]).log().mean())
    assert torch.allclose(discriminator_loss(real, fake), expected_d)
    assert torch.allclose(generator_loss(fake), -probability["fake"].log().mean())


def test_an_undecided_discriminator_costs_two_log_two() -> None:
    zero = torch.zeros(3)
    assert math.isclose(discriminator_loss(zero, zero).item(), 2 * math.log(2), rel_tol=1e-6)


def test_the_generator_gets_a_gradient_where_the_discriminator_is_sure() -> None:
    fake = torch.tensor([-20.0], requires_grad=True)
    generator_loss(fake).backward()
    assert fake.grad is not None
    assert fake.grad.item() < -0.99


def test_roughness_weighs_by_the_square_of_the_frequency() -> None:
    places = torch.arange(64.0)
    waves = {period: torch.cos(2 * math.pi * places / period).expand(1, 1, 64, 64) for period in (2, 16, 32)}
    found = {period: float(roughness(wave) / wave.square().mean()) for period, wave in waves.items()}
    assert found[2] == pytest.approx(4)  # each pixel the negative of the one before it
    assert found[16] / found[32] == pytest.approx(4, rel=0.05)
    assert float(roughness(torch.ones(1, 3, 8, 8))) == 0
