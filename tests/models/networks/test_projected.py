"""Family projected: its generator, its heads, and the frozen net that is in no checkpoint."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from models.errors import CheckpointError
from models.features.pyramid import load_pyramid
from models.networks.families import NetworkSpec
from models.networks.projected import Generator, UpConvolution
from models.networks.projected_heads import Discriminator, PixelHead, SpectralConvolution, input_size, with_spread
from models.objectives.losses import hinge_discriminator_loss, hinge_generator_loss
from models.training.checkpoints import CheckpointStore, load_checkpoint
from models.training.config import TrainConfig
from models.training.state import TrainState

CPU = torch.device("cpu")


def spec(resolution: int = 16, channels: int = 3, num_classes: int = 3) -> NetworkSpec:
    return NetworkSpec(
        family="projected",
        resolution=resolution,
        channels=channels,  # type: ignore[arg-type]
        num_classes=num_classes,
        latent_dim=8,
        width=4,
    )


@pytest.mark.parametrize(("resolution", "channels"), [(16, 1), (48, 3), (256, 3)])
@pytest.mark.parametrize("num_classes", [0, 3])
def test_images_have_their_size_and_differ_by_latent(resolution: int, channels: int, num_classes: int) -> None:
    torch.manual_seed(0)
    generator = Generator(**spec(resolution, channels, num_classes).generator_arguments())
    labels = torch.tensor([0, 1, 2]) if num_classes else None
    images = generator(torch.randn(3, 8), labels)
    assert images.shape == (3, channels, resolution, resolution)
    assert images.abs().max() <= 1
    assert images.std(dim=0).mean() > 0.01


def test_a_class_starts_without_effect_and_can_get_one() -> None:
    torch.manual_seed(0)
    generator = Generator(**spec().generator_arguments()).eval()
    z = torch.randn(1, 8).repeat(2, 1)
    images = generator(z, torch.tensor([0, 1]))
    torch.testing.assert_close(images[0], images[1])
    images[0].sum().backward()
    embeddings = [value for name, value in generator.named_parameters() if "label_embedding" in name]
    assert embeddings
    assert all(value.grad is not None and value.grad[0].abs().sum() > 0 for value in embeddings)


def test_the_first_layer_knows_no_class() -> None:
    stem = Generator(**spec().generator_arguments()).layers[0]
    assert [name for name, _ in stem.named_parameters()] == ["convolution.weight", "norm.weight", "norm.bias"]


def test_one_transposed_convolution_repeats_pixels_and_convolves() -> None:
    torch.manual_seed(0)
    layer, x = UpConvolution(5, 3), torch.randn(2, 5, 6, 6)
    kernel = layer.weight.flip(2, 3).transpose(0, 1)
    expected = F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), kernel, padding=1)
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_spectral_convolutions_find_the_largest_singular_value() -> None:
    torch.manual_seed(0)
    layer = SpectralConvolution(8, 6, 3)
    for _ in range(50):
        layer.iterate()
    expected = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
    torch.testing.assert_close(layer.norm(), expected, rtol=1e-3, atol=0)
    (gradient,) = torch.autograd.grad(layer.norm(), layer.weight)
    left, _, right = torch.linalg.svd(layer.weight.flatten(1), full_matrices=False)
    torch.testing.assert_close(gradient.flatten(1), torch.outer(left[:, 0], right[0]), rtol=1e-2, atol=1e-3)


def test_the_pyramid_has_four_scales_and_passes_gradients_on() -> None:
    pyramid = load_pyramid((64, 64), CPU)
    images = (torch.rand(2, 1, 32, 32) * 2 - 1).requires_grad_()
    maps = pyramid(images)
    assert [tuple(scale.shape[1:]) for scale in maps] == [(24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2)]
    (gradient,) = torch.autograd.grad(sum(scale.square().sum() for scale in maps), images)  # type: ignore[arg-type]
    assert (gradient.flatten(1).abs().sum(1) > 0).all()
    assert torch.equal(maps[0], pyramid(images.expand(-1, 3, -1, -1))[0])
    assert not any(value.requires_grad for value in pyramid.blocks.parameters())


def test_the_frozen_net_is_in_no_checkpoint_and_another_one_is_refused(tmp_path: Path) -> None:
    state = TrainState(spec(), CPU)
    discriminator = state.discriminator
    assert isinstance(discriminator, Discriminator)
    assert not [name for name in state.tensors() if "pyramid" in name or "_conv_stem" in name]
    path = CheckpointStore(tmp_path).save(8, state.tensors(), state.values())
    checkpoint = load_checkpoint(path)
    pyramid = load_pyramid(input_size(16), CPU)
    assert checkpoint.values["frozen"] == {"efficientnet-lite0": pyramid.sha256}
    assert {name for name in checkpoint.part("discriminator") if name.startswith("mixing")}
    state.restore(checkpoint)
    checkpoint.values["frozen"] = {"efficientnet-lite0": "0" * 64}
    with pytest.raises(CheckpointError, match="frozen weights"):
        state.restore(checkpoint)


def test_a_checkpoint_with_other_heads_is_refused_in_words(tmp_path: Path) -> None:
    state = TrainState(spec(), CPU)
    tensors = {name: value for name, value in state.tensors().items() if not name.startswith("discriminator.heads.4.")}
    path = CheckpointStore(tmp_path).save(8, tensors, state.values())
    with pytest.raises(CheckpointError, match=r"another discriminator of family projected.* another run name"):
        state.restore(load_checkpoint(path))


def test_the_spread_of_a_batch_is_its_deviation_relative_to_its_size() -> None:
    x = torch.tensor([1.0, 3.0, 1.0, 3.0]).view(4, 1, 1, 1).expand(4, 2, 3, 3)
    spread = with_spread(x)
    assert spread.shape == (4, 3, 3, 3)
    assert torch.equal(spread[:, :2], x)
    # The deviation of 1, 3, 1, 3 is 1, and the root of their mean square is the root of 5.
    torch.testing.assert_close(spread[:, 2], torch.full((4, 3, 3), 5**-0.5))
    torch.testing.assert_close(with_spread(10 * x)[:, 2], spread[:, 2])
    assert with_spread(x[:1].expand(4, 2, 3, 3))[:, 2].max() < 1e-3
    # Two processes with half of the batch each see what one process sees.
    y = torch.cat([x, torch.randn(4, 2, 3, 3)])
    torch.testing.assert_close(with_spread(y), torch.cat([with_spread(y[:4]), with_spread(y[4:])]))


@pytest.mark.parametrize(("side", "places"), [(16, 16), (48, 36), (256, 16)])
def test_the_head_of_pixels_sees_a_colour_that_all_images_share(side: int, places: int) -> None:
    torch.manual_seed(0)
    head = PixelHead(3, side, 0)
    images = torch.rand(4, 3, side, side) * 2 - 1
    redder = images + torch.tensor([0.5, -0.5, 0.0]).view(3, 1, 1)
    logits, changed = head(images, None), head(redder, None)
    assert logits.shape == (4, places)
    assert (logits - changed).abs().mean() > 0.05 * logits.std()


def test_a_generator_is_built_without_the_frozen_net(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.features.pyramid.LitePyramid.__init__", lambda *_: pytest.fail("it was loaded"))
    assert spec().build_networks()["generator"](torch.randn(2, 8), torch.tensor([0, 1])).shape == (2, 3, 16, 16)


def test_the_hinge_is_flat_where_the_heads_are_sure_enough() -> None:
    real, fake = (
        [torch.tensor([[2.0, 0.5]]), torch.tensor([[1.0]])],
        [torch.tensor([[-3.0, 0.0]]), torch.tensor([[-1.0]])],
    )
    # Real: 0, 0.5 and 0; generated: 0, 1 and 0. Each of the three places counts the same.
    assert hinge_discriminator_loss(real, fake).item() == pytest.approx((0.5 + 1.0) / 3)
    assert hinge_generator_loss(fake).item() == pytest.approx((3.0 + 0.0 + 1.0) / 3)


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"freeze_layers": 1}, r"freeze_layers 1: .* set it to 0"),
        ({"compute": {"micro_batch_size": 1}}, r"micro_batch_size 1 .* at least 2 images"),
        ({"batch_size": 16, "compute": {"micro_batch_size": 5}}, r"micro_batch_size 5 divides batch_size 16"),
    ],
)
def test_settings_that_the_family_does_not_support_are_named(settings: dict[str, object], refusal: str) -> None:
    with pytest.raises(ValidationError, match=refusal):
        TrainConfig.model_validate({"family": "projected", **settings})
    TrainConfig.model_validate({"family": "r3", **settings})
