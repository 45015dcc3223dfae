import math

import pytest
import torch

from models.networks.names import RESOLUTIONS
from models.networks.presets import R3_PRESETS
from models.networks.r3 import Block, Discriminator, Generator, Resample, stage_widths


@pytest.mark.parametrize("resolution", [side for side in RESOLUTIONS if side <= 256])
@pytest.mark.parametrize(("channels", "num_classes"), [(1, 0), (3, 5)])
def test_shapes(resolution: int, channels: int, num_classes: int) -> None:
    shape = {"resolution": resolution, "channels": channels, "num_classes": num_classes, "width": 8}
    labels = torch.tensor([0, 4]) if num_classes else None
    images = Generator(**shape, latent_dim=6)(torch.randn(2, 6), labels)
    assert images.shape == (2, channels, resolution, resolution)
    assert Discriminator(**shape)(images, labels).shape == (2,)


@pytest.mark.parametrize(
    ("preset", "resolution", "millions"), [("r3-32", 32, 20.8), ("r3-64", 64, 22.4), ("r3-256", 256, 23.1)]
)
def test_the_published_presets_have_the_published_size(preset: str, resolution: int, millions: float) -> None:
    with torch.device("meta"):
        generator = Generator(
            resolution=resolution, channels=3, num_classes=0, latent_dim=64, width=R3_PRESETS[preset].width
        )
    assert sum(p.numel() for p in generator.parameters()) / 1e6 == pytest.approx(millions, rel=0.005)


def test_widths_are_full_for_four_stages_then_halve_in_multiples_of_eight() -> None:
    assert stage_widths(7, 768) == [768, 768, 768, 768, 384, 192, 96]
    assert stage_widths(6, 20) == [24, 24, 24, 24, 16, 8]


def test_a_fresh_block_is_the_identity_with_weights_in_scale() -> None:
    torch.manual_seed(0)
    block = Block(64, num_blocks=8)
    x = torch.randn(2, 64, 5, 5)
    assert torch.equal(block(x), x)
    gain = math.sqrt(2 / 1.04) * 8**-0.25
    assert block.expand.weight.std().item() == pytest.approx(gain / math.sqrt(64), rel=0.05)
    assert block.mix.weight.std().item() == pytest.approx(gain / math.sqrt(16 * 9), rel=0.05)
    assert block.reduce.weight.abs().max() == 0


def axis_matrix(size: int) -> torch.Tensor:
    """(size / 2, size): row i reads (x[2i-1] + 2 x[2i] + x[2i+1]) / 4, nothing beyond the border."""
    matrix = torch.zeros(size // 2, size, dtype=torch.float64)
    for i in range(size // 2):
        for offset, weight in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            if 0 <= 2 * i + offset < size:
                matrix[i, 2 * i + offset] = weight
    return matrix


def test_resampling_is_the_filter_and_its_transpose() -> None:
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    matrix = axis_matrix(8)
    down, up = Resample(3, 3, up=False).double(), Resample(3, 3, up=True).double()
    assert torch.allclose(down(x), matrix @ x @ matrix.T)
    assert torch.allclose(up(down(x)), (2 * matrix.T) @ (matrix @ x @ matrix.T) @ (2 * matrix))


def test_labels_and_latents_both_change_the_image() -> None:
    torch.manual_seed(0)
    generator = Generator(resolution=16, channels=1, num_classes=3, latent_dim=8, width=8)
    z, labels = torch.randn(2, 8), torch.zeros(2, dtype=torch.long)
    images = generator(z, labels)
    assert not torch.equal(images[0], images[1])
    assert not torch.equal(images, generator(z, labels + 1))
