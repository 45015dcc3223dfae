"""Images that are not square: which sizes are possible, and that every family makes and trains them."""

import numpy as np
import pytest
import torch

from models.classifier.classifier import LabelledImages, train_classifier
from models.classifier.config import ClassifierConfig
from models.compute.config import ComputeConfig
from models.compute.draws import Draws
from models.compute.parallel import World
from models.features.classifier_net import ClassifierNet, save_classifier
from models.networks.dcgan import smallest_map
from models.networks.families import FAMILIES, NetworkSpec
from models.networks.names import RESOLUTIONS, check_resolution
from models.networks.projected_heads import input_size
from models.shield.attacks import FORGERIES
from models.shield.head import ShieldHead
from models.training.config import TrainConfig
from models.training.state import TrainState
from models.training.steps import take_step

CPU = torch.device("cpu")
WIDE, TALL = {"resolution": 16, "image_width": 32}, {"resolution": 36, "image_width": 24}


def network(family: str, size: dict[str, int], **changes: int) -> NetworkSpec:
    arguments = {"channels": 3, "num_classes": 2, "latent_dim": 4, "width": 4, **size, **changes}
    return NetworkSpec(family=family, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(64, 48), (96, 64), (64, 128), (720 // 4, 144), (512, 384), (24, 96)])
def test_common_aspects_are_possible_or_the_nearest_is_named(size: tuple[int, int]) -> None:
    width, height = size
    if size == (180, 144):
        with pytest.raises(ValueError, match=r"180x144 is not possible: for the shorter side, use 16, .* 512$"):
            check_resolution(height, width)
        return
    check_resolution(height, width)
    rows, columns = smallest_map(height, width)
    assert rows * width == columns * height
    assert min(rows, columns) in (4, 6)


@pytest.mark.parametrize(
    ("size", "use"), [((100, 64), "use 96 or 112"), ((300, 64), "at most 256; use 256"), ((16, 28 + 1), "use 28 or 32")]
)
def test_other_longer_sides_are_refused_with_the_nearest(size: tuple[int, int], use: str) -> None:
    with pytest.raises(ValueError, match=use):
        check_resolution(size[1], size[0])
    with pytest.raises(ValueError, match=use):
        NetworkSpec(
            family="dcgan", resolution=size[1], image_width=size[0], channels=3, num_classes=0, latent_dim=4, width=4
        )


def test_square_networks_are_described_as_before() -> None:
    spec = NetworkSpec(family="dcgan", resolution=16, channels=3, num_classes=0, latent_dim=4, width=4)
    assert list(spec.generator_arguments()) == ["resolution", "channels", "num_classes", "latent_dim", "width"]
    assert [input_size(side) for side in (16, 128, 192)] == [(32, 32), (256, 256), (256, 256)]
    assert all(smallest_map(side) in ((4, 4), (6, 6)) for side in RESOLUTIONS)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_largest_size_has_the_right_shapes(family: str) -> None:
    spec = network(family, {"resolution": 512, "image_width": 768})
    with torch.device("meta"):
        networks = spec.build_networks()
        images = networks["generator"](torch.empty(2, 4), torch.zeros(2, dtype=torch.long))
    assert images.shape == (2, *spec.shape) == (2, 3, 512, 768)


@pytest.mark.parametrize(("family", "size"), [*((family, WIDE) for family in FAMILIES), ("dcgan", TALL)])
def test_every_family_takes_a_step(family: str, size: dict[str, int]) -> None:
    spec = network(family, size)
    config = TrainConfig(
        family=family,  # type: ignore[arg-type]
        batch_size=4,
        width=4,
        latent_dim=4,
        augment={"colour": 0.5, "cutout": 0.5, "flip": True, "translation": 0.1},  # type: ignore[arg-type]
        compute=ComputeConfig(threads=1, device="cpu"),
    )
    state = TrainState(spec, CPU)
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, *spec.shape), np.uint8))
    before = {name: value.clone() for name, value in state.roles["generator"].state_dict().items()}
    figures = take_step(state, config, images, torch.tensor([0, 1, 0, 1]), World())
    assert all(np.isfinite(float(value)) for value in figures.values())
    after = state.roles["generator"].state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries_have_the_shape_and_change_the_image(name: str) -> None:
    images = Draws((3,), CPU, 6).uniform(-1, 1, 3, 16, 32)
    forged = FORGERIES[name](images, Draws((1, 2), CPU, 6))
    assert forged.shape == images.shape
    changed = (forged != images).any(dim=1)
    assert changed.any(dim=1).any(dim=1).all()
    if name == "patch":  # a square: as high as it is wide, within a pixel
        heights, widths = changed.any(dim=2).sum(1), changed.any(dim=1).sum(1)
        assert ((heights - widths).abs() <= 1).all()


def test_the_shield_judges_them() -> None:
    spec = network("dcgan", WIDE)
    assert ShieldHead(spec)(torch.zeros(2, *spec.shape)).shape == (2, 3)


def test_a_classifier_of_them_is_a_judge_that_does_not_stretch(tmp_path) -> None:  # type: ignore[no-untyped-def]
    images = np.random.default_rng(0).integers(0, 256, (8, 3, 16, 32), np.uint8)
    source = LabelledImages(images, np.arange(8) % 2)
    net = train_classifier([source], 2, ClassifierConfig(nimg=16, batch_size=8, width=8))
    save_classifier(net, tmp_path / "net.safetensors")
    judge = ClassifierNet(tmp_path / "net.safetensors")
    assert judge.input_shape == (16, 32)
    expected = net.features(torch.from_numpy(images).float() / 127.5 - 1)
    torch.testing.assert_close(judge(torch.from_numpy(images)), expected, rtol=1e-4, atol=1e-5)
