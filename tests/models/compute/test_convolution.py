"""Second derivatives of grouped convolutions, against PyTorch's own."""

from collections import Counter
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from models.compute.config import ComputeConfig
from models.compute.convolution import ClosedConvolutions
from models.compute.device import memory_format
from models.compute.parallel import World
from models.networks import r3
from models.networks.families import NetworkSpec
from models.training.config import TrainConfig
from models.training.state import TrainState
from models.training.steps import take_step

# (stride, padding, groups) of a convolution of six channels.
GEOMETRIES = [(1, 1, 3), (2, 1, 3), (2, 0, 6), (1, 0, 1), ((2, 1), (0, 1), 2)]


def doubles(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.double, requires_grad=True)


@pytest.mark.parametrize(("stride", "padding", "groups"), GEOMETRIES)
@pytest.mark.parametrize("transposed", [False, True])
def test_first_and_second_derivatives_agree_with_finite_differences(
    stride: Any, padding: Any, groups: int, transposed: bool
) -> None:
    torch.manual_seed(0)
    x, w, b = doubles(1, 6, 3, 4), doubles(6, 6 // groups, 2, 2), doubles(6)

    def closed(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        with ClosedConvolutions():
            if transposed:
                return F.conv_transpose2d(x, w, b, stride, padding, 0, groups)
            return F.conv2d(x, w, b, stride, padding, 1, groups)

    assert torch.autograd.gradcheck(closed, (x, w, b))
    assert torch.autograd.gradgradcheck(closed, (x, w, b))


def discriminator(width: int = 32) -> r3.Discriminator:
    torch.manual_seed(0)
    network = r3.Discriminator(resolution=16, channels=3, num_classes=3, width=width)
    for parameter in network.parameters():
        # The last layer of each block begins at 0, and would hide what comes before it.
        torch.nn.init.normal_(parameter, 0.0, 0.1)
    return network


def penalty_gradients(network: r3.Discriminator, images: torch.Tensor) -> list[torch.Tensor]:
    images = images.detach().requires_grad_()
    logits = network(images, torch.arange(len(images)) % 3)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    loss = logits.sum() + gradient.square().sum()
    return list(torch.autograd.grad(loss, list(network.parameters())))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradient_penalties_agree_with_the_second_derivative_of_pytorch(layout: torch.memory_format) -> None:
    network = discriminator().double().to(memory_format=layout)  # type: ignore[call-overload]
    images = torch.randn(2, 3, 16, 16, dtype=torch.double).contiguous(memory_format=layout)
    expected = penalty_gradients(network, images)
    with ClosedConvolutions():
        found = penalty_gradients(network, images)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


class ConvolutionCounter(TorchDispatchMode):
    """Counts the convolutions that are run, forward and backward."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "convolution" in func.overloadpacket.__name__:
            self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def count_convolutions(width: int, closed: bool) -> tuple[int, int]:
    """Layers with a convolution, and convolutions that a penalty's gradients took."""
    network = discriminator(width).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(2, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    counter = ConvolutionCounter()
    with ClosedConvolutions() if closed else nullcontext(), counter:
        penalty_gradients(network, images)
    layers = sum(isinstance(one, torch.nn.Conv2d | r3.Resample) for one in network.modules())
    return layers, counter.counts.total()


def test_the_number_of_convolutions_does_not_depend_on_the_number_of_groups() -> None:
    layers, few_groups = count_convolutions(32, closed=True)
    _, many_groups = count_convolutions(128, closed=True)
    assert few_groups == many_groups <= 12 * layers
    _, looped = count_convolutions(128, closed=False)
    assert looped > 2 * many_groups  # PyTorch's loop over groups


def test_a_whole_step_takes_at_most_twelve_convolutions_a_layer_whatever_the_number_of_groups() -> None:
    counts = []
    for width in (16, 48):
        config = TrainConfig.model_validate(
            {"family": "r3", "batch_size": 2, "augment": {"translation": 0, "scale": 0}, "compute": {"device": "cpu"}}
        )
        spec = NetworkSpec(family="r3", resolution=16, channels=3, num_classes=2, latent_dim=4, width=width)
        state = TrainState(spec, torch.device("cpu"), torch.channels_last)
        images, counter = torch.zeros(2, 3, 16, 16, dtype=torch.uint8), ConvolutionCounter()
        with ClosedConvolutions(), counter:
            take_step(state, config, images, torch.tensor([0, 1]), World())
        modules = [module for network in state.roles.values() for module in network.modules()]
        layers = sum(isinstance(module, torch.nn.Conv2d | r3.Resample) for module in modules)
        counts.append(counter.counts.total() / layers)
    assert counts[0] == counts[1] <= 12


def test_autocast_reaches_closed_convolutions() -> None:
    network = discriminator()
    images = torch.randn(2, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        plain = network.layers(images)
        with ClosedConvolutions():
            closed = network.layers(images)
    assert closed.dtype == plain.dtype == torch.bfloat16
    torch.testing.assert_close(closed.float(), plain.float(), rtol=0.05, atol=0.05)


def test_a_dilation_is_refused() -> None:
    with ClosedConvolutions(), pytest.raises(ValueError, match="expected dilation 1"):
        F.conv2d(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2), dilation=2)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("up", [False, True])
def test_resampling_gives_the_same_in_both_layouts(layout: torch.memory_format, up: bool) -> None:
    resample, x = r3.Resample(8, 8, up=up), torch.randn(2, 8, 6, 6)
    torch.testing.assert_close(resample(x.contiguous(memory_format=layout)), resample(x))


def test_compiled_code_chooses_its_own_layout() -> None:
    gpu = torch.device("cuda", 0)
    assert memory_format(ComputeConfig(), gpu) == torch.channels_last
    assert memory_format(ComputeConfig(compile=True), gpu) == torch.contiguous_format
