"""Single images: every mode and format gives the pixels that a viewer shows."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from shards.config import ShardConfig
from shards.errors import RefusedError
from shards.images.conversion import Converted, convert
from shards.images.recipe import Recipe

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def recipe(**changes: object) -> Recipe:
    settings = {"resolution": 16, "encoding": "png", **changes}
    return ShardConfig(source="x", dataset="x", **settings).recipe()  # type: ignore[arg-type]


def saved(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def pixels(converted: Converted, number: int = 0) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(converted.samples[number].data)))


def halves(
    left: tuple[int, ...], right: tuple[int, ...], mode: str = "RGB", size: tuple[int, int] = (32, 32)
) -> Image.Image:
    image = Image.new(mode, size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    return image


def close(found: np.ndarray, expected: tuple[int, ...] | int, tolerance: int = 6) -> bool:
    return bool(np.abs(found.astype(int) - np.asarray(expected)).max() <= tolerance)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int) -> None:
    shown = halves(RED, BLUE)
    shown.paste(WHITE, (0, 0, 32, 8))  # red and blue below, white above: no turn or mirror looks the same
    turns = [None, 0, 3, 1, 5, 4, 6, 2]
    undo = {4: 2, 2: 4}  # ROTATE_90 and ROTATE_270 undo each other, the others themselves
    turn = turns[orientation - 1]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = shown if turn is None else shown.transpose(Image.Transpose(undo.get(turn, turn)))
    found = convert(saved(stored, "JPEG", exif=exif, quality=100, subsampling=0), recipe())
    assert found.facts["orientation"] == orientation
    image = pixels(found)
    assert close(image[10:, :6], RED, 12)
    assert close(image[10:, 10:], BLUE, 12)
    assert close(image[:2], WHITE, 12)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_show_the_background(mode: str) -> None:
    image = halves((255, 255, 255, 255), (0, 0, 0, 0), "RGBA")
    data = saved(image.convert(mode) if mode != "P" else image.quantize(4), "PNG")
    found = pixels(convert(data, recipe(background="#00ff00")))
    assert close(found[:, :6], WHITE)
    assert close(found[:, 10:], (0, 255, 0))


def test_alpha_can_be_dropped() -> None:
    found = pixels(convert(saved(Image.new("RGBA", (32, 32), (*RED, 0)), "PNG"), recipe(alpha="drop")))
    assert close(found, RED)


def test_transparent_edges_do_not_bleed() -> None:
    image = halves((*RED, 255), (0, 255, 0, 0), "RGBA")
    found = pixels(convert(saved(image, "PNG"), recipe(background="#ff0000")))
    assert found[:, :, 1].max() <= 40  # the green under the transparent half stays invisible


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_png_of_few_bits(bits: int) -> None:
    image = Image.new("P", (32, 32))
    image.putpalette([0, 0, 0, 255, 255, 255])
    image.paste(1, (16, 0, 32, 32))
    found = pixels(convert(saved(image, "PNG", bits=bits), recipe(channels=1)))
    assert close(found[:, :6], 0)
    assert close(found[:, 10:], 255)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    deep = Image.fromarray(np.full((32, 32), 0x8080, np.uint16))
    found = pixels(convert(saved(deep, "PNG"), recipe(channels=1)))
    assert close(found, 0x80, 1)


def test_cmyk_jpeg_has_its_colours() -> None:
    data = saved(Image.new("RGB", (64, 64), RED).convert("CMYK"), "JPEG", quality=95)
    assert close(pixels(convert(data, recipe())), RED, 8)


def test_profile_is_turned_into_srgb() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    broken = convert(saved(Image.new("RGB", (32, 32), RED), "PNG", icc_profile=lab), recipe())
    assert broken.facts["icc"] == "unusable"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = convert(saved(Image.new("RGB", (32, 32), RED), "PNG", icc_profile=srgb), recipe())
    assert same.facts["icc"] == "srgb"
    assert close(pixels(same), RED, 0)


def animation(format_name: str, count: int = 6) -> bytes:
    frames = [Image.new("RGB", (32, 32), (40 * number, 0, 0)) for number in range(count)]
    options = {"lossless": True} if format_name == "WEBP" else {}
    return saved(frames[0], format_name, save_all=True, append_images=frames[1:], duration=50, **options)


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG"])
@pytest.mark.parametrize(
    ("policy", "picked"),
    [
        ("first", [0]),
        ("all", [0, 1, 2, 3, 4, 5]),
        ("every:4", [0, 4]),
        ("most:3", [0, 2, 4]),
        ("most:99", list(range(6))),
    ],
)
def test_frames_are_picked_by_policy(format_name: str, policy: str, picked: list[int]) -> None:
    found = convert(animation(format_name), recipe(frames=policy))
    assert found.facts["frames"] == 6
    assert [sample.facts["frame"] for sample in found.samples] == picked
    assert all(close(pixels(found, n), (40 * frame, 0, 0)) for n, frame in enumerate(picked))


@pytest.mark.parametrize(
    ("shape", "changes", "size"),
    [
        ("crop", {}, (16, 16)),
        ("random_crop", {}, (16, 16)),
        ("stretch", {}, (16, 16)),
        ("fit", {}, (16, 16)),
        ("keep_aspect", {}, (32, 16)),
        ("as_is", {}, (80, 40)),
        ("crop", {"only_shrink": True, "resolution": 64}, (40, 40)),
        ("fit", {"only_shrink": True, "resolution": 128}, (128, 128)),
        ("keep_aspect", {"only_shrink": True, "resolution": 64}, (80, 40)),
    ],
)
def test_shapes(shape: str, changes: dict[str, object], size: tuple[int, int]) -> None:
    data = saved(halves(RED, BLUE, size=(80, 40)), "PNG")
    found = convert(data, recipe(shape=shape, **changes))
    assert Image.open(io.BytesIO(found.samples[0].data)).size == size


def test_fit_puts_a_border_around() -> None:
    found = pixels(convert(saved(Image.new("RGB", (64, 32), RED), "PNG"), recipe(shape="fit", background="#0000ff")))
    assert close(found[:3], BLUE)
    assert close(found[5:11], RED)


def test_random_crop_follows_its_seed() -> None:
    ramp = Image.linear_gradient("L").resize((400, 40)).rotate(0)
    data = saved(Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (32, 1))), "PNG")
    one, two, again = (pixels(convert(data, recipe(shape="random_crop"), seed)) for seed in (3, 200, 3))
    assert ramp
    assert np.array_equal(one, again)
    assert one[0, 0].max() < two[0, 0].max()


@pytest.mark.parametrize("encoding", ["jpeg:95", "jpeg:80:422", "png", "gif", "webp:90", "webp:lossless", "avif:80"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_encoding_keeps_the_picture(encoding: str, channels: int) -> None:
    found = convert(
        saved(Image.new("RGB", (32, 32), (200, 60, 60)), "PNG"), recipe(encoding=encoding, channels=channels)
    )
    image = Image.open(io.BytesIO(found.samples[0].data)).convert("L")
    assert close(np.asarray(image), 102, 8)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_original_passes_bytes_through(format_name: str) -> None:
    data = saved(halves(RED, BLUE, size=(16, 16)), format_name)
    for shape in ("as_is", "crop"):
        found = convert(data, recipe(encoding="original", shape=shape))
        assert found.samples[0].data == data


def test_original_is_encoded_again_when_pixels_change() -> None:
    data = saved(halves(RED, BLUE, size=(40, 32)), "JPEG")
    found = convert(data, recipe(encoding="original"))
    assert found.samples[0].facts["suffix"] == "png"
    assert pixels(found).shape == (16, 16, 3)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_original_refuses_a_truncated_file(format_name: str) -> None:
    data = saved(Image.effect_noise((64, 64), 90), format_name)
    with pytest.raises(RefusedError):
        convert(data[: len(data) // 2], recipe(encoding="original", shape="as_is"))


def test_large_jpeg_is_decoded_small_and_looks_the_same() -> None:
    noise = Image.effect_noise((60, 45), 60).resize((1600, 1200), Image.Resampling.BICUBIC)
    data = saved(noise, "JPEG", quality=95)
    found = pixels(convert(data, recipe(resolution=64, channels=1))).astype(float)
    full = Image.open(io.BytesIO(data)).resize((64, 64), Image.Resampling.LANCZOS, box=(200, 0, 1400, 1200))
    error = np.mean((found - np.asarray(full, float)) ** 2)
    assert 10 * np.log10(255**2 / error) > 40


def test_nothing_of_the_source_leaks_into_a_sample() -> None:
    exif = Image.Exif()
    exif[0x010E] = "my home address"
    data = saved(halves(RED, BLUE), "JPEG", exif=exif, comment=b"my home address")
    for encoding in ("jpeg:95", "png", "webp:90", "avif:90"):
        assert b"address" not in convert(data, recipe(encoding=encoding)).samples[0].data


def large(width: int, height: int) -> bytes:
    return saved(Image.new("1", (width, height)), "PNG")


PNG = saved(halves(RED, BLUE), "PNG")
JPEG = saved(Image.effect_noise((64, 64), 90), "JPEG")


@pytest.mark.parametrize(
    ("data", "changes", "code"),
    [
        (b"", {}, "empty_file"),
        (b"hello", {}, "not_an_image"),
        (b"BM" + bytes(100), {}, "format_not_allowed"),
        (b"PK\x03\x04" + bytes(100), {}, "format_not_allowed"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), {}, "broken_header"),
        (b"GIF89a", {}, "broken_header"),
        (JPEG[:600], {}, "truncated"),
        (PNG, {"min_side": 33}, "too_small"),
        (large(3000, 2000), {"max_pixels": 5_999_999}, "too_many_pixels"),
        (large(3000, 20), {"max_aspect": 100}, "too_long"),
        (large(4000, 4000), {"max_expansion": 100}, "expands_too_much"),
        (PNG[:-6] + b"xxxxxx", {"damaged": "refuse"}, "bad_checksum"),
        (PNG[:-12], {"damaged": "refuse"}, "no_end_mark"),
    ],
)
def test_refusals_have_codes(data: bytes, changes: dict[str, object], code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        convert(data, recipe(**changes))
    assert refused.value.code == code


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG"])
def test_more_frames_than_allowed_are_refused(format_name: str) -> None:
    data = animation(format_name)
    assert len(convert(data, recipe(frames="every:2", max_frames=3)).samples) == 3
    assert len(convert(data, recipe(frames="first", max_frames=3)).samples) == 1
    with pytest.raises(RefusedError, match=r"6 frames would become samples \(all\), max_frames allows 3"):
        convert(data, recipe(frames="all", max_frames=3))


@pytest.mark.parametrize("policy", ["all", "every:2", "most:99999"])
def test_an_impossible_number_of_frames_takes_no_memory(policy: str) -> None:
    data = animation("PNG")
    place = data.index(b"acTL")
    chunk = b"acTL" + (2**31).to_bytes(4) + data[place + 8 : place + 12]
    forged = data[:place] + chunk + zlib.crc32(chunk).to_bytes(4) + data[place + 16 :]
    with pytest.raises(RefusedError, match="would become samples"):
        convert(forged, recipe(frames=policy))
    assert convert(forged, recipe()).facts["frames"] < 2**31  # what the table's column can hold


def test_bomb_is_refused_where_pillow_only_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5_000_000)  # as a decoder child sets it, from max_pixels
    with pytest.raises(RefusedError) as refused:
        convert(large(3000, 2000), recipe(max_pixels=10**9))
    assert (refused.value.code, "decompression bomb" in str(refused.value)) == ("too_many_pixels", True)


def test_later_frame_larger_than_the_first_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    data = bytearray(animation("GIF", 3))
    place = data.rindex(b"\x2c\0\0\0\0\x20\0\x20\0")
    data[place + 5 : place + 9] = struct.pack("<HH", 120, 120)
    with pytest.raises(RefusedError) as refused:
        convert(bytes(data), recipe(frames="all"))
    assert refused.value.code == "too_many_pixels"


def test_damage_of_kept_files_is_recorded() -> None:
    assert convert(PNG[:-12], recipe()).facts["damage"] == "no_end_mark"
    assert convert(PNG, recipe()).facts["damage"] == ""


@pytest.mark.parametrize("quality", [1, 30, 50, 75, 92, 100])
def test_jpeg_quality_is_estimated_from_the_tables(quality: int, tmp_path: Path) -> None:
    facts = convert(saved(halves(RED, BLUE), "JPEG", quality=quality, subsampling=1, progressive=True), recipe()).facts
    assert (facts["jpeg_quality"], facts["jpeg_subsampling"], facts["jpeg_progressive"]) == (quality, "4:2:2", True)
