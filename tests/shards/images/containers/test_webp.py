"""The quality of a WebP file is read from its header about as it was given to the encoder."""

import io

import pytest
from PIL import Image

from shards.images.containers.webp import WebpCompression, read_compression
from tests.shards.conftest import picture


def webp(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 95])
def test_quality_is_estimated(quality: int) -> None:
    found = read_compression(webp(picture(1, (160, 160)), quality=quality))
    assert found.is_lossy
    assert found.quality is not None
    assert abs(found.quality - quality) <= 15


def test_lossless_transparent_and_animated_files() -> None:
    grey, clear = picture(1, (64, 64)), picture(2, (64, 64), "RGBA")
    assert read_compression(webp(grey, lossless=True)) == WebpCompression(is_lossy=False)
    assert read_compression(webp(clear, quality=40)).is_lossy
    assert read_compression(webp(grey, quality=40, save_all=True, append_images=[picture(3, (64, 64))])).is_lossy


def test_any_beginning_of_a_file_is_read_without_an_error() -> None:
    whole = webp(picture(1, (64, 64)), quality=40)
    assert [read_compression(whole[:end]).quality for end in range(len(whole))][:30] == [None] * 30
    for end in range(12, 60):
        read_compression(whole[:end] + bytes([255]) * 40)
