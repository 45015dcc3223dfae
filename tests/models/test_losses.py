import math

import torch

from models.losses import discriminator_loss, generator_loss


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
