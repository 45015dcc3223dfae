"""Gradient penalties by finite differences against the exact ones, and penalties in only some steps."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.compute.draws import Draws
from models.networks.r3 import Discriminator
from models.objectives.batch import Penalties
from models.objectives.losses import difference_penalty, gradient_penalty
from models.objectives.relativistic import discriminate
from models.training.config import TrainConfig
from models.training.schedules import moment
from tests.models.objectives.test_objectives import ADAPTIVE, CPU, assert_same_bits, run
from tests.models.objectives.test_values import STATE, batch

SIDE = 8


def network() -> Discriminator:
    """A discriminator in float64 whose blocks are not the identity, as fresh ones are."""
    torch.manual_seed(0)
    made = Discriminator(resolution=SIDE, channels=1, num_classes=0, width=8).double()
    for name, weights in made.named_parameters():
        if name.endswith("reduce.weight"):
            torch.nn.init.normal_(weights, 0.0, 0.3)
    return made


def image() -> torch.Tensor:
    return torch.rand(1, 1, SIDE, SIDE, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1


def gradients(penalty: torch.Tensor, judge: Discriminator) -> torch.Tensor:
    found = torch.autograd.grad(penalty, list(judge.parameters()), allow_unused=True)
    return torch.cat([one.flatten() for one in found if one is not None])


def test_the_mean_over_a_basis_is_the_exact_penalty_and_so_are_its_gradients() -> None:
    """sqrt(n) times the n unit vectors have the covariance I that N(0, I) has, so the mean is free of chance."""
    judge, number = network(), SIDE * SIDE
    pixels = image().requires_grad_()
    exact = gradient_penalty(judge(pixels), pixels)
    basis = math.sqrt(number) * torch.eye(number, dtype=torch.float64).view(number, 1, SIDE, SIDE)
    found = difference_penalty(judge, image().expand(number, -1, -1, -1), basis, 1e-6)
    assert found.item() == pytest.approx(exact.item(), rel=1e-4)
    expected = gradients(exact, judge)
    assert (gradients(found, judge) - expected).norm() < 1e-3 * expected.norm()


def test_random_directions_give_the_exact_penalty_on_average() -> None:
    """Within four standard errors, and the standard deviation is sqrt(2) of the mean, as of a chi-square variable."""
    judge, number = network(), 1000
    pixels = image().requires_grad_()
    exact = gradient_penalty(judge(pixels), pixels).item()
    directions = Draws((5,), torch.device("cpu"), number).normal(1, SIDE, SIDE).double()
    with torch.no_grad():
        ahead, behind = (judge(image() + sign * 1e-6 * directions) for sign in (1, -1))
        found = ((ahead - behind) / 2e-6).square() / exact
        together = difference_penalty(judge, image().expand(number, -1, -1, -1), directions, 1e-6).item()
    assert together == pytest.approx(exact * found.mean().item())
    assert found.mean().item() == pytest.approx(1, abs=4 * math.sqrt(2 / number))
    assert found.std().item() == pytest.approx(math.sqrt(2), rel=0.25)


def test_a_quadratic_has_no_bias_at_any_step() -> None:
    """(D(x + e v) - D(x - e v)) / (2 e) of D = x.A.x / 2 is exactly v.A.x."""
    torch.manual_seed(0)
    a, x, v = (torch.randn(*shape, dtype=torch.float64) for shape in ((6, 6), (3, 6), (3, 6)))
    found = difference_penalty(lambda y: ((y @ (a + a.T)) * y).sum(1) / 2, x, v, 0.7)
    assert found.item() == pytest.approx(((x @ (a + a.T)) * v).sum(1).square().mean().item())


def test_the_bias_of_a_cubic_is_the_one_that_is_stated() -> None:
    """D = x^3 / 6 of one pixel: g = x^2 / 2, the laplacian is x and its gradient 1, so the bias is e^2 g + 15/36 e^4.

    The mean over v ~ N(0, 1) is taken by Gauss-Hermite quadrature, which is exact for polynomials.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    x, step = 1.3, 0.2

    def cubic(y: torch.Tensor) -> torch.Tensor:
        return y.pow(3).sum(1) / 6

    values = [
        difference_penalty(cubic, *(torch.tensor([[one]], dtype=torch.float64) for one in (x, node)), step).item()
        for node in nodes
    ]
    slope = x**2 / 2
    expected = slope**2 + step**2 * slope + 15 / 36 * step**4
    assert float(np.dot(values, weights) / weights.sum()) == pytest.approx(expected)


def test_only_each_third_step_has_penalties_and_they_weigh_three_times_as_much() -> None:
    config = TrainConfig(family="r3", batch_size=8, penalty={"every": 3})
    assert [moment(config, nimg).penalty_weight for nimg in range(0, 56, 8)] == [3, 0, 0, 3, 0, 0, 3]
    assert {moment(TrainConfig(family="r3", batch_size=8), nimg).penalty_weight for nimg in (0, 8, 16)} == {1}
    made = {weight: discriminate(STATE, batch(gamma=2.0, penalties=Penalties("exact", weight))) for weight in (0, 1, 3)}
    loss = {weight: one.by_role["discriminator"].item() for weight, one in made.items()}
    assert loss[3] - loss[0] == pytest.approx(3 * (loss[1] - loss[0]), rel=1e-4)
    assert loss[1] > loss[0]
    assert made[3].statistics.keys() - made[0].statistics.keys() == {"penalty_real", "penalty_fake"}


def test_differences_penalise_both_sides_behind_the_augmentation_that_the_logits_saw() -> None:
    """D(A(x)) = 0.01 |a x|^2 has the gradient 0.02 a^2 x. Every image gets its own direction."""
    drawn = iter([2.0, 3.0])
    made = batch(gamma=2.0, penalties=Penalties("differences", 1.0, 0.01))
    made.draw_augmentation = lambda: partial(torch.mul, next(drawn))
    statistics = discriminate(STATE, made).statistics
    again = batch()
    shown = again.fake(STATE).shown
    for name, images, factor in (("penalty_real", again.real, 2.0), ("penalty_fake", shown, 3.0)):
        direction = again.draws.normal(*images.shape[1:])
        along = (0.02 * factor**2 * images * direction).flatten(1).sum(1)
        assert statistics[name].item() == pytest.approx(along.square().mean().item(), rel=1e-3)


LAZY_DIFFERENCES = {"method": "differences", "every": 3}


@pytest.mark.parametrize("penalty", [{"every": 3}, LAZY_DIFFERENCES])
def test_a_stop_between_two_penalties_changes_no_bit(tmp_path: Path, penalty: dict[str, Any]) -> None:
    whole, rows = run(tmp_path / "whole", "r3", augment=ADAPTIVE, penalty=penalty)
    run(tmp_path / "parts", "r3", stop_at=5, augment=ADAPTIVE, penalty=penalty)
    resumed, resumed_rows = run(tmp_path / "parts", "r3", augment=ADAPTIVE, penalty=penalty)
    assert_same_bits(whole, resumed)
    # Steps 0, 3 and 6 of the eight have penalties. A row is of two steps, so the third one has none.
    assert ["penalty_real" in row for row in rows] == [True, True, False, True]
    assert [row.get("penalty_real") for row in resumed_rows] == [row.get("penalty_real") for row in rows[2:]]


def test_differences_of_micro_batches_sum_up_to_the_batch(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole", "r3", penalty=LAZY_DIFFERENCES)
    compute = CPU.model_copy(update={"micro_batch_size": 3})
    parts, _ = run(tmp_path / "parts", "r3", penalty=LAZY_DIFFERENCES, compute=compute)
    for name, weights in whole.generator.state_dict().items():
        assert torch.allclose(parts.generator.state_dict()[name], weights, rtol=1e-3, atol=1e-5), name


def test_other_settings_of_penalties_are_another_training_and_the_defaults_are_not() -> None:
    assert "penalty" not in TrainConfig(family="r3").identity()
    assert TrainConfig(family="r3", penalty={"every": 4}).identity() != TrainConfig(family="r3").identity()
