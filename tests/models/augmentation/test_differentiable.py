import pytest
import torch
import torch.nn.functional as F

from models.augmentation.config import AugmentConfig
from models.augmentation.differentiable import augment, interpolation_matrix
from models.compute.draws import Draws

EVERYTHING = AugmentConfig(translation=0.2, scale=0.3, colour=1.0, cutout=0.5)
NOTHING = AugmentConfig(translation=0, scale=0, colour=0, cutout=0)


def only(**settings: float) -> AugmentConfig:
    """These transforms and no others."""
    return NOTHING.model_copy(update=settings)


def draws(count: int = 16, seed: int = 0) -> Draws:
    return Draws((seed,), torch.device("cpu"), count)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(16, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_off_changes_nothing(images: torch.Tensor) -> None:
    assert augment(images, NOTHING, draws()) is images


def test_every_image_is_changed_in_its_own_way(images: torch.Tensor) -> None:
    same = images[:1].expand(16, -1, -1, -1)
    changed = augment(same, EVERYTHING, draws())
    assert changed.shape == same.shape
    assert len({tuple(image.flatten().tolist()) for image in changed}) == 16


def test_the_same_seed_gives_the_same_images(images: torch.Tensor) -> None:
    first = augment(images, EVERYTHING, draws(seed=3))
    assert torch.equal(first, augment(images, EVERYTHING, draws(seed=3)))
    assert not torch.equal(first, augment(images, EVERYTHING, draws(seed=4)))


def test_a_part_of_the_batch_gets_what_it_would_in_the_whole(images: torch.Tensor) -> None:
    whole = augment(images, EVERYTHING, draws(), 0.5)
    parts = [
        augment(images[start:stop], EVERYTHING, Draws((0,), torch.device("cpu"), 16, start, stop), 0.5)
        for start, stop in [(0, 3), (3, 16)]
    ]
    assert torch.allclose(whole, torch.cat(parts), atol=1e-4)  # AVX2 differs by 6e-6 of values up to 6


def test_gradients_flow_through_all_of_it(images: torch.Tensor) -> None:
    images.requires_grad_()
    augment(images, EVERYTHING, draws()).sum().backward()
    assert images.grad is not None
    assert (images.grad.flatten(1).abs().sum(1) > 0).all()


def test_no_shift_and_no_zoom_is_the_identity() -> None:
    matrix = interpolation_matrix(7, torch.ones(1, 1), torch.zeros(1, 1))
    torch.testing.assert_close(matrix[0], torch.eye(7))


def test_shift_and_zoom_agree_with_grid_sample(images: torch.Tensor) -> None:
    zoom, shift = torch.tensor([[1.3]]), torch.tensor([[0.1]])
    rows = interpolation_matrix(12, zoom, shift)
    ours = rows[:, None] @ images[:1] @ rows[:, None].mT
    theta = torch.tensor([[[1 / 1.3, 0, 2 * 0.1], [0, 1 / 1.3, 2 * 0.1]]])
    grid = F.affine_grid(theta, [1, 3, 12, 12], align_corners=False)
    theirs = F.grid_sample(images[:1], grid, padding_mode="border", align_corners=False)
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_a_shift_repeats_the_border(images: torch.Tensor) -> None:
    rows = interpolation_matrix(12, torch.ones(1, 1), torch.tensor([[3 / 12]]))
    moved = rows[0] @ images[0]
    assert torch.allclose(moved[:, :9], images[0][:, 3:], atol=1e-6)
    assert torch.allclose(moved[:, 9:], images[0][:, 11:].expand(-1, 3, -1), atol=1e-6)


def test_zoom_keeps_rows_of_weights_summing_to_one() -> None:
    zoom = torch.exp2(torch.randn(8, 1, generator=torch.Generator().manual_seed(0)))
    matrix = interpolation_matrix(16, zoom, torch.zeros(8, 1))
    assert torch.allclose(matrix.sum(-1), torch.ones(8, 16), atol=1e-5)


def test_cutout_blanks_a_square_of_the_given_side(images: torch.Tensor) -> None:
    holes = (augment(images, only(cutout=0.5), draws()) == 0).all(dim=1).flatten(1).sum(1)
    assert (holes <= 36).all()
    assert holes.float().mean() > 12


def test_colour_leaves_grey_images_grey() -> None:
    torch.manual_seed(0)
    grey = torch.rand(4, 1, 8, 8).expand(-1, 3, -1, -1)
    changed = augment(grey, only(colour=1.0), draws(4))
    assert torch.allclose(changed[:, :1].expand_as(changed), changed, atol=1e-6)


def test_shift_stays_within_its_bound() -> None:
    impulse = torch.zeros(64, 1, 33, 33)
    impulse[:, :, 16, 16] = 1
    moved = augment(impulse, only(translation=0.125), draws(64))
    positions = moved.flatten(1).argmax(1)
    offsets = torch.stack([positions // 33, positions % 33]) - 16
    assert offsets.abs().max() <= 5
    assert offsets.abs().max() >= 3


def test_without_zoom_a_shift_is_by_whole_pixels() -> None:
    moved = augment(torch.eye(16).expand(32, 1, 16, 16), only(translation=0.25), draws(32))
    assert set(moved.round(decimals=4).unique().tolist()) == {0.0, 1.0}


def test_a_flip_mirrors_half_of_the_images(images: torch.Tensor) -> None:
    many = images[:1].expand(400, -1, -1, -1)
    changed = augment(many, only(flip=True), draws(400))
    flipped = [torch.equal(image, images[0].flip(2)) for image in changed]
    assert all(torch.equal(image, images[0]) for image, yes in zip(changed, flipped, strict=True) if not yes)
    assert 150 < sum(flipped) < 250
