"""Which device a word stands for, and how a GPU multiplies where its numbers must be those of a CPU."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from models.compute.device import select_device, without_tf32
from models.errors import ConfigError
from models.features.feature_net import FeatureNet
from models.metrics.neighbours import compare_manifolds


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    assert select_device("auto") == select_device("cpu") == torch.device("cpu")
    with pytest.raises(ConfigError, match="device is cuda, but process 0 has no GPU of its own"):
        select_device("cuda")


@pytest.mark.gpu
def test_each_process_takes_a_gpu_of_its_own() -> None:
    assert select_device("cpu") == torch.device("cpu")
    assert select_device("auto") == select_device("cuda") == torch.device("cuda", 0)
    with pytest.raises(ConfigError, match="use fewer processes"):
        select_device("auto", local_rank=torch.cuda.device_count())


class Products(TorchDispatchMode):
    """Notes at each convolution and product whether TF32 is allowed, and whether cuDNN is used."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.found: set[tuple[bool, bool, bool]] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in ("conv2d", "convolution", "matmul", "mm"):
            cudnn = torch.backends.cudnn
            self.names.add(name)
            self.found.add((torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.enabled))
        return func(*args, **(kwargs or {}))


class OneLayer(FeatureNet):
    """A convolution and a linear layer."""

    name, label, sha256, num_features, input_size = "one", "One", "", 2, 8
    device = torch.device("cpu")

    def extract(self, pixels: torch.Tensor) -> torch.Tensor:
        maps = torch.conv2d(pixels, torch.ones(2, pixels.shape[1], 3, 3))
        return maps.mean((2, 3)) @ torch.ones(2, 2)


@pytest.fixture
def tf32_is_allowed() -> Iterator[None]:
    """As in a training on a GPU."""
    kinds = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [kind.allow_tf32 for kind in kinds]
    for kind in kinds:
        kind.allow_tf32 = True
    yield
    assert all(kind.allow_tf32 for kind in kinds)
    for kind, value in zip(kinds, before, strict=True):
        kind.allow_tf32 = value


@pytest.mark.usefixtures("tf32_is_allowed")
def test_features_and_neighbours_are_computed_without_tf32_in_the_middle_of_a_training() -> None:
    with Products() as products:
        OneLayer()(torch.zeros(3, 1, 8, 8, dtype=torch.uint8))
        compare_manifolds(*np.random.default_rng(0).normal(size=(2, 9, 4)))
    assert products.names & {"conv2d", "convolution"}
    assert products.names & {"mm"}
    assert products.found == {(False, False, True)}


@pytest.mark.usefixtures("tf32_is_allowed")
def test_an_error_does_not_leave_tf32_off() -> None:
    with pytest.raises(ZeroDivisionError), without_tf32():
        raise ZeroDivisionError
