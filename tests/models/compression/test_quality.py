"""Quality and chroma sampling found in pixels: of Pillow's files, of mixtures, and of what was never compressed."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, JpegImagePlugin

from models.compression.quality import FINE, QUALITIES, standard_tables
from models.compression.robust import ENOUGH, LearnedCompression
from models.compute.parallel import World


def pictures(count: int, channels: int, side: int = 32, reach: int = 90) -> list[Image.Image]:
    """Smooth shapes with some noise; from a `reach` of 128 on there is black and white to clip at."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        coarse = rng.integers(128 - reach, 128 + reach, (6, 6, 3)).clip(0, 255).astype(np.uint8)
        image = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        pixels = np.asarray(image) + rng.normal(0, 6, (side, side, 3))
        made.append(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("L" if channels == 1 else "RGB"))
    return made


def through_jpeg(image: Image.Image, **options: object) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    with Image.open(buffer) as decoded:
        decoded.load()
    return decoded


def stacked(images: list[Image.Image]) -> torch.Tensor:
    pixels = [np.asarray(image).reshape(*image.size[::-1], -1).transpose(2, 0, 1) for image in images]
    return torch.from_numpy(np.stack(pixels))


def learnt(images: torch.Tensor) -> LearnedCompression:
    learned = LearnedCompression(images.shape[1])
    for part in images.split(32):
        learned.observe(part, World())
    return learned


def shares(learned: LearnedCompression) -> dict[tuple[int, int], float]:
    """{(pixels across a chroma sample, quality): share} of what is above a hundredth."""
    found = (learned.counts / learned.counts.sum()).tolist()
    sides = [sampling.across for sampling in learned.samplings]
    return {
        (side, quality): share
        for side, row in zip(sides, found, strict=True)
        for quality, share in zip(QUALITIES, row, strict=True)
        if share > 0.01
    }


@pytest.mark.parametrize("quality", [1, 15, 49, 50, 75, 100])
def test_standard_tables_are_pillows(quality: int) -> None:
    decoded = through_jpeg(Image.new("RGB", (8, 8)), quality=quality)
    assert isinstance(decoded, JpegImagePlugin.JpegImageFile)
    tables = standard_tables()[quality - 1].flatten(1).int().tolist()
    assert [tables[0], tables[1]] == [list(decoded.quantization[0]), list(decoded.quantization[1])]
    assert tables[1] == tables[2]


@pytest.mark.parametrize("quality", [10, 40, 75])
@pytest.mark.parametrize(("chroma", "side"), [("4:2:0", 2), ("4:4:4", 1)])
def test_quality_and_sampling_of_a_collection_are_found(quality: int, chroma: str, side: int) -> None:
    files = [through_jpeg(image, quality=quality, subsampling=chroma) for image in pictures(128, 3)]
    found = shares(learnt(stacked(files)))
    # At 75, smooth colours come out of either sampling alike, and a neighbour's tables are almost the same.
    sides = (side,) if quality < 75 else (1, 2)
    assert sum(found.get((one, quality + off), 0) for one in sides for off in (-1, 0, 1)) > 0.85, found


def test_grey_mixtures_are_told_apart() -> None:
    kinds = [15] * 64 + [60] * 32 + [0] * 32
    images = [
        through_jpeg(image, quality=q) if q else image
        for image, q in zip(pictures(128, 1, reach=180), kinds, strict=True)
    ]
    order = torch.randperm(128, generator=torch.Generator().manual_seed(0))
    found = shares(learnt(stacked(images)[order]))
    assert found[1, 15] == pytest.approx(0.5, abs=0.12), found
    assert found[1, 60] == pytest.approx(0.25, abs=0.12), found
    assert sum(share for (_, quality), share in found.items() if quality >= FINE) == pytest.approx(0.25, abs=0.12)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_was_never_compressed_is_left_almost_as_it_is(channels: int) -> None:
    learned = learnt(stacked(pictures(128, channels)))
    found = shares(learned)
    assert sum(share for (side, quality), share in found.items() if quality >= FINE and side == 1) > 0.9, found


def test_scaled_files_tell_nothing() -> None:
    """The grid is gone, and with it what could be done to generated images to look like these."""
    files = [through_jpeg(image, quality=15).resize((32, 32)) for image in pictures(128, 3, side=64)]
    found = shares(learnt(stacked(files)))
    assert sum(share for (_, quality), share in found.items() if quality >= FINE) > 0.9, found


def test_it_stops_looking_after_enough() -> None:
    learned = LearnedCompression(1)
    part = stacked(pictures(64, 1))
    for _ in range(ENOUGH // 64):
        learned.observe(part, World())
    before = learned.counts.clone()
    learned.observe(part, World())
    assert torch.equal(learned.counts, before)
    assert int(learned.num_seen) == ENOUGH


def test_flat_images_count_for_nothing() -> None:
    learned = LearnedCompression(1)
    before = learned.counts.clone()
    learned.observe(torch.full((8, 1, 16, 16), 200, dtype=torch.uint8), World())
    assert torch.equal(learned.counts, before)
