import pytest
import torch
from torch import nn

from models.networks.dcgan import Discriminator, Generator, stage_sizes, stage_widths
from models.networks.names import RESOLUTIONS, check_resolution


@pytest.mark.parametrize("resolution", [side for side in RESOLUTIONS if side <= 256])
@pytest.mark.parametrize(("channels", "num_classes"), [(1, 0), (3, 5)])
def test_shapes_and_range(resolution: int, channels: int, num_classes: int) -> None:
    shape = {"resolution": resolution, "channels": channels, "num_classes": num_classes, "width": 4}
    generator, discriminator = Generator(**shape, latent_dim=6), Discriminator(**shape)
    labels = torch.tensor([0, 4]) if num_classes else None
    images = generator(torch.randn(2, 6), labels)
    assert images.shape == (2, channels, resolution, resolution)
    assert images.abs().max() <= 1
    assert discriminator(images, labels).shape == (2,)


@pytest.mark.parametrize("resolution", [8, 12, 28, 33, 100])
def test_a_resolution_off_the_chain_is_refused_with_the_possible_ones(resolution: int) -> None:
    with pytest.raises(ValueError, match=rf"{resolution} .* use 16, 24, 32"):
        check_resolution(resolution)


def test_widths_double_towards_the_small_maps_up_to_eight_times() -> None:
    assert stage_widths(len(stage_sizes(32)), 10) == [40, 20, 10]
    assert stage_widths(len(stage_sizes(256)), 10) == [80, 80, 80, 40, 20, 10]


def test_the_generator_is_the_classic_one() -> None:
    generator = Generator(resolution=32, channels=3, num_classes=0, latent_dim=100, width=8)
    kinds = [type(layer) for layer in generator.layers]
    block = [nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU]
    assert kinds == [*block, *block, *block, nn.ConvTranspose2d, nn.Tanh]


def test_labels_and_latents_both_change_the_image() -> None:
    torch.manual_seed(0)
    generator = Generator(resolution=16, channels=1, num_classes=3, latent_dim=8, width=4).eval()
    z = torch.randn(2, 8)
    first = torch.zeros(2, dtype=torch.long)
    images = generator(z, first)
    assert not torch.equal(images[0], images[1])
    assert not torch.equal(images, generator(z, first + 1))


def test_a_label_moves_only_logits_of_its_own_class() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator(resolution=16, channels=1, num_classes=2, width=4).eval()
    images, labels = torch.randn(2, 1, 16, 16), torch.tensor([0, 1])
    before = discriminator(images, labels)
    assert discriminator.label_embedding is not None
    with torch.no_grad():
        discriminator.label_embedding.weight[1] += 1
    after = discriminator(images, labels)
    assert torch.allclose(after[0], before[0])
    assert not torch.allclose(after[1], before[1])
