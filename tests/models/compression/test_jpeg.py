"""The differentiable JPEG beside Pillow's own files, and its gradients beside finite differences."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, JpegImagePlugin

from models.compression import jpeg
from models.compression.jpeg import Sampling, compress, rounded, to_byte

SAMPLINGS = {"4:4:4": Sampling(1, 1), "4:2:2": Sampling(2, 1), "4:2:0": Sampling(2, 2)}
QUALITIES = (5, 15, 30, 50, 75, 90, 95, 100)


def picture(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    """Smooth shapes with some noise, uint8 (H, W, C)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 6 + 2, width // 6 + 2, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), np.float64)
    return (smooth + rng.normal(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)[..., :channels]


def pillow(pixels: np.ndarray, **options: object) -> tuple[np.ndarray, torch.Tensor]:
    """Pixels (H, W, C) through a JPEG file, and the file's tables (1, 3, 8, 8)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(buffer, "JPEG", **options)
    with Image.open(buffer) as image:
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        found = [image.quantization[component[3]] for component in image.layer]
        tables = torch.tensor((found + [found[-1]] * 2)[:3], dtype=torch.float32).view(1, 3, 8, 8)
        return np.asarray(image).reshape(pixels.shape), tables


def ours(pixels: np.ndarray, tables: torch.Tensor, sampling: Sampling) -> np.ndarray:
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
    levels = (compress(images, tables, [sampling]) + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    return levels.round()[0].permute(1, 2, 0).numpy()


def decibels(first: np.ndarray, second: np.ndarray) -> float:
    error = np.square(first.astype(np.float64) - second).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("size", [(32, 32), (37, 51), (64, 48)])
@pytest.mark.parametrize("sampling", [*SAMPLINGS, "grey"])
def test_it_gives_what_pillow_gives(quality: int, size: tuple[int, int], sampling: str) -> None:
    pixels = picture(*size, channels=1 if sampling == "grey" else 3)
    options = {} if sampling == "grey" else {"subsampling": sampling}
    wanted, tables = pillow(pixels, quality=quality, **options)
    # One coefficient on the other side of a half is a whole step off in its block: 42 dB here, most have none (50).
    assert decibels(ours(pixels, tables, SAMPLINGS.get(sampling, Sampling(1, 1))), wanted) > 40


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_any_tables_will_do(sampling: str) -> None:
    rng = np.random.default_rng(1)
    given = [rng.integers(1, 120, 64).tolist() for _ in range(2)]
    pixels = picture(40, 40, 3)
    wanted, tables = pillow(pixels, qtables=given, subsampling=sampling)
    assert tables[0, 0].flatten().tolist() == given[0]
    assert decibels(ours(pixels, tables, SAMPLINGS[sampling]), wanted) > 40


def test_another_subsampling_or_table_is_seen() -> None:
    pixels = picture(40, 40, 3)
    wanted, tables = pillow(pixels, quality=30, subsampling="4:2:0")
    assert decibels(ours(pixels, tables, Sampling(1, 1)), wanted) < 35
    assert decibels(ours(pixels, pillow(pixels, quality=40)[1], Sampling(2, 2)), wanted) < 35


def test_each_image_has_its_own_tables_and_sampling() -> None:
    pictures = [picture(32, 32, 3, seed) for seed in range(2)]
    kinds = [(15, "4:2:0"), (80, "4:4:4")]
    made = [pillow(one, quality=q, subsampling=s) for one, (q, s) in zip(pictures, kinds, strict=True)]
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 127.5 - 1
    tables = torch.cat([one[1] for one in made])
    found = compress(images, tables, [Sampling(1, 1), Sampling(2, 2)], torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    for image, (wanted, _) in zip(found, made, strict=True):
        assert decibels(((image + 1) * 127.5).permute(1, 2, 0).numpy(), wanted) > 40


@pytest.mark.parametrize("sampling", SAMPLINGS.values())
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_are_those_of_the_same_arithmetic_without_rounding(
    sampling: Sampling, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Straight-through: the exact codec's gradient is the smooth one's, and that is what finite differences say."""
    images = torch.from_numpy(picture(16, 24, channels)).permute(2, 0, 1)[None].float() / 127.5 - 1
    images = (images * 0.6).requires_grad_()  # away from the limits, where nothing is differentiable
    tables = torch.full((1, 3, 8, 8), 7.0)
    weights = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    (exact,) = torch.autograd.grad((compress(images, tables, [sampling]) * weights).sum(), images)
    monkeypatch.setattr(jpeg, "rounded", lambda value: value)
    monkeypatch.setattr(jpeg, "to_byte", lambda value: value)
    step = torch.randn(images.shape, generator=torch.Generator().manual_seed(1)) * 0.01
    up, down = (compress(images.detach() + sign * step, tables, [sampling]) for sign in (1, -1))
    assert float((exact * step).sum()) == pytest.approx(float(((up - down) * weights).sum()) / 2, rel=1e-3, abs=1e-4)


def test_beyond_the_limits_only_the_way_back_is_open() -> None:
    value = torch.tensor([-3.0, -3.0, 100.4, 300.0, 300.0], requires_grad=True)
    limited = to_byte(value)
    assert limited.tolist() == [0, 0, 100, 255, 255]
    limited.backward(torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0]))
    assert value.grad is not None
    assert value.grad.tolist() == [0, -1, 1, 1, 0]


def test_halves_go_away_from_zero() -> None:
    assert rounded(torch.tensor([-1.5, -0.5, 0.4, 0.5, 2.5])).tolist() == [-2, -1, 0, 1, 3]


def test_bfloat16_around_it_changes_nothing() -> None:
    images, tables = torch.rand(2, 3, 16, 16) * 2 - 1, torch.ones(2, 3, 8, 8)
    alone = compress(images, tables, [Sampling(2, 2)])
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(compress(images, tables, [Sampling(2, 2)]), alone)
