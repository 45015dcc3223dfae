"""Compiled networks train as networks that are not compiled do, in every family and precision, with contiguous maps."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_utils import CrossRefFakeMode

from models.augmentation.config import AugmentConfig
from models.augmentation.differentiable import augment, changes, draw_changes
from models.compute.compilation import CACHE, compile_methods, compiles, keep_compiled_code
from models.compute.config import ComputeConfig
from models.compute.draws import Draws
from models.compute.parallel import World
from models.networks.families import FAMILIES, NetworkSpec
from models.training.config import TrainConfig
from models.training.io import RecordingIO
from models.training.loop import compiled_methods, make_state, told_compiling
from models.training.state import TrainState
from models.training.steps import take_step

CPU = torch.device("cpu")
NUM_STEPS = 2
slow = pytest.mark.slow
COMPILED = (*FAMILIES, "r3 by differences")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread, an empty cache, and nothing compiled before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv(CACHE, str(tmp_path / "compiled"))
    torch.compiler.reset()
    yield
    torch.compiler.reset()
    torch.set_num_threads(before)


def make(family: str, precision: str) -> tuple[TrainState, TrainConfig]:
    """A small training. Family "r3 by differences" is r3 with penalties that need no second derivative."""
    family, _, way = family.partition(" by ")
    config = TrainConfig.model_validate(
        {
            "family": family,
            "batch_size": 4,
            "beta1": 0.5,
            "learning_rate": 1e-4,
            "augment": {"policy": "fixed", "translation": 0, "scale": 0},
            "penalty": {"method": way or "exact"},
            "compute": {"device": "cpu", "threads": 1, "precision": precision},
        }
    )
    spec = NetworkSpec(family=family, resolution=16, channels=3, num_classes=2, latent_dim=4, width=8)
    return make_state(config, spec, CPU, World()), config


def trained(family: str, precision: str, backend: str | None) -> tuple[TrainState, dict[str, float]]:
    """The state and the statistics after some steps; `backend` compiles as a training on a GPU does."""
    state, config = make(family, precision)
    for role, network in state.roles.items():
        if backend:
            compile_methods(network, compiled_methods(config, state.spec.family, role), backend)
    for number in range(NUM_STEPS):
        generator = torch.Generator().manual_seed(number)
        images = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8, generator=generator)
        statistics = take_step(state, config, images, torch.tensor([0, 1, 1, 0]), World())
        state.nimg += 4
    return state, {name: float(value) for name, value in statistics.items()}


@pytest.mark.parametrize(
    ("family", "precision", "backend"),
    [
        ("dcgan", "bf16", "aot_eager"),
        *[pytest.param(family, "bf16", "aot_eager", marks=slow) for family in COMPILED if family != "dcgan"],
        *[pytest.param(family, one, "inductor", marks=slow) for family in COMPILED for one in ("fp32", "bf16")],
    ],
)
def test_a_compiled_training_is_the_one_that_is_not_compiled(family: str, precision: str, backend: str) -> None:
    expected_state, expected = trained(family, precision, None)
    state, statistics = trained(family, precision, backend)
    tolerance = 0.1 if precision == "bf16" else 2e-3
    for name, value in expected.items():
        if not name.startswith(("accuracy", "sign")):  # these jump where a logit changes its sign
            assert statistics[name] == pytest.approx(value, rel=tolerance, abs=tolerance), name
    for name, weights in expected_state.generator.state_dict().items():
        if weights.is_floating_point():
            difference = (state.generator.state_dict()[name] - weights).abs().max()
            assert difference <= 2 * NUM_STEPS * 1e-4 + 0.02 * weights.abs().max(), name
    assert state.tensors().keys() == expected_state.tensors().keys()


@pytest.mark.parametrize("family", ["dcgan", *[pytest.param(one, marks=slow) for one in FAMILIES if one != "dcgan"]])
def test_contiguous_maps_have_the_layouts_that_the_compiler_expects(family: str) -> None:
    """Compiled code asserts the strides that fake tensors predict. The kernels' results have them, forward and back.

    With channels_last maps some have not: of glu's gradient in family projected, and on a GPU of convolutions whose
    input has one pixel.
    """
    state, _ = make(family, "fp32")
    labels, images = torch.tensor([0, 1]), torch.randn(2, 3, 16, 16)
    with CrossRefFakeMode(check_strides=True, check_aliasing=False):
        made = state.generator(torch.randn(2, 4), labels)
        results = [made.sum()]
        if "discriminator" in state.roles:
            results += [state.discriminator(one, labels).sum() for one in (images, made)]
        if "encoder" in state.roles:
            results += [part.sum() for part in state.encoder(images, labels)]
        weights = [weight for role in state.roles for weight in state.parameters(role)]
        torch.autograd.grad(torch.stack(results).sum(), weights, allow_unused=True)


AUGMENT = AugmentConfig(translation=0.1, scale=0.1, flip=True, colour=0.5, cutout=0.3)


def test_augmentation_is_compiled_as_one_graph() -> None:
    drawn = draw_changes(AUGMENT, Draws((3,), CPU, 4), torch.tensor(0.7))
    images = torch.rand(4, 3, 16, 16) * 2 - 1
    traced = torch.compile(changes(AUGMENT), backend="eager", fullgraph=True, dynamic=False)
    torch.testing.assert_close(traced(images, drawn), changes(AUGMENT)(images, drawn))


@slow
def test_compiled_augmentation_is_the_same() -> None:
    images = torch.rand(4, 3, 16, 16) * 2 - 1
    results: list[Any] = []
    for compile in (False, True):
        pixels = images.clone().requires_grad_()
        changed = augment(pixels, AUGMENT, Draws((3,), CPU, 4), torch.tensor(0.7), compile=compile)
        results.append((changed.detach(), *torch.autograd.grad(changed.square().sum(), pixels)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_a_discriminator_is_compiled_unless_its_gradient_is_differentiated_again() -> None:
    found = {
        name: compiled_methods(make(name, "fp32")[1], name.split()[0], "discriminator")
        for name in ("r3", COMPILED[-1], "dcgan")
    }
    assert found == {"r3": (), "r3 by differences": ("forward",), "dcgan": ("forward",)}


def test_only_a_gpu_compiles() -> None:
    assert not compiles(ComputeConfig(compile=True), CPU)
    assert compiles(ComputeConfig(compile=True), torch.device("cuda", 0))
    assert not compiles(ComputeConfig(), torch.device("cuda", 0))


def test_compiled_code_is_kept_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path / "named"))
    assert keep_compiled_code() == tmp_path / "named"
    monkeypatch.delenv(CACHE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert keep_compiled_code() == tmp_path / "shardgan" / "compiled"
    assert os.environ[CACHE] == str(tmp_path / "shardgan" / "compiled")


def test_where_nothing_can_be_kept_pytorch_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.delenv(CACHE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert keep_compiled_code() is None
    assert CACHE not in os.environ


def test_the_first_step_says_that_it_compiles() -> None:
    io = RecordingIO()
    with told_compiling(io):
        assert len(io.messages) == 1
    assert io.messages[0].startswith("compiling the networks")
    assert io.messages[1] == "compiled the networks in 0 s"
