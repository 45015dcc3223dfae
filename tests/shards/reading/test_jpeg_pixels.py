"""simplejpeg is used only where it gives Pillow's pixels exactly, and Pillow decodes everything else."""

import io
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from shards.reading import jpeg_pixels
from shards.reading.jpeg_pixels import decode_plain_jpeg, gives_the_same_pixels

LARGE = 10**6


@pytest.fixture
def _fresh_check() -> Iterator[None]:
    gives_the_same_pixels.cache_clear()
    yield
    gives_the_same_pixels.cache_clear()


def noise(width: int, height: int, channels: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def jpeg(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return np.atleast_3d(np.asarray(image))


@settings(deadline=None, max_examples=150)
@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    channels=st.sampled_from([1, 3]),
    quality=st.integers(1, 100),
    subsampling=st.sampled_from([0, 1, 2]),
    progressive=st.booleans(),
    seed=st.integers(0, 999),
)
def test_pixels_are_those_of_pillow(
    size: tuple[int, int], channels: int, quality: int, subsampling: int, progressive: bool, seed: int
) -> None:
    image = noise(*size, channels, seed)
    data = jpeg(image, quality=quality, subsampling=subsampling, progressive=progressive)
    found = decode_plain_jpeg(data, channels, LARGE)
    assert found is not None
    assert np.array_equal(found, by_pillow(data))


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 99), place=st.floats(0, 1), value=st.integers(0, 255), cut=st.booleans())
def test_damaged_files_are_left_to_pillow(seed: int, place: float, value: int, cut: bool) -> None:
    data = bytearray(jpeg(noise(40, 30, 3, seed), subsampling=2))
    at = 3 + int(place * (len(data) - 4))
    data[at] = value
    found = decode_plain_jpeg(bytes(data[:at] if cut else data), 3, LARGE)
    assert found is None or np.array_equal(found, by_pillow(bytes(data)))


def test_other_files_are_left_to_pillow() -> None:
    colour, grey = noise(20, 10, 3), noise(20, 10, 1)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    png = io.BytesIO()
    colour.save(png, "PNG")
    assert decode_plain_jpeg(png.getvalue(), 3, LARGE) is None
    assert decode_plain_jpeg(jpeg(colour, icc_profile=profile), 3, LARGE) is None
    assert decode_plain_jpeg(jpeg(colour.convert("CMYK")), 3, LARGE) is None
    assert decode_plain_jpeg(jpeg(colour, keep_rgb=True), 3, LARGE) is None
    assert decode_plain_jpeg(jpeg(colour), 1, LARGE) is None
    assert decode_plain_jpeg(jpeg(grey), 3, LARGE) is None
    assert decode_plain_jpeg(jpeg(colour), 3, 199) is None
    assert decode_plain_jpeg(jpeg(colour), 3, 200) is not None


@pytest.mark.usefixtures("_fresh_check")
def test_a_library_with_other_pixels_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def other_pixels(data: bytes, colorspace: str) -> np.ndarray:
        pixels = simplejpeg.decode_jpeg(data, colorspace=colorspace)
        pixels[-1, -1] ^= 1
        return pixels

    other = SimpleNamespace(decode_jpeg_header=simplejpeg.decode_jpeg_header, decode_jpeg=other_pixels)
    monkeypatch.setattr(jpeg_pixels, "simplejpeg", other)
    assert decode_plain_jpeg(jpeg(noise(20, 10, 3)), 3, LARGE) is None
    assert "decode JPEG differently" in caplog.text


@pytest.mark.usefixtures("_fresh_check")
def test_without_the_library_pillow_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_pixels, "simplejpeg", None)
    assert decode_plain_jpeg(jpeg(noise(20, 10, 3)), 3, LARGE) is None
