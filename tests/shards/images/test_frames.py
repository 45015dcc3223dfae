"""Frames of animations: GIF, APNG and WebP are written chunk by chunk, with known pixels in every frame."""

import io
import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shards import ShardConfig, convert
from shards.errors import RefusedError

BACKGROUND = (51, 102, 153)
SIZE = (16, 16)

Pixels = NDArray[np.uint8]  # RGBA


@dataclass(frozen=True)
class Frame:
    """One frame: RGBA pixels, the place of its upper left corner, its disposal and its blend method."""

    pixels: Pixels
    x: int = 0
    y: int = 0
    dispose: str = "none"  # none, background or previous
    blend: bool = True


def rendered(size: tuple[int, int], frames: list[Frame]) -> list[Pixels]:
    """What viewers show for each frame, RGBA: every canvas begins transparent, and the alpha of frames is 0 or 255."""
    canvas = np.zeros((size[1], size[0], 4), np.uint8)
    shown = []
    for frame in frames:
        before = canvas.copy()
        height, width = frame.pixels.shape[:2]
        area = np.s_[frame.y : frame.y + height, frame.x : frame.x + width]
        drawn = frame.pixels[..., 3:] > 0
        canvas[area] = np.where(drawn, frame.pixels, canvas[area] if frame.blend else 0)
        shown.append(canvas.copy())
        if frame.dispose == "background":
            canvas[area] = 0
        elif frame.dispose == "previous":
            canvas = before
    return shown


def webp(size: tuple[int, int], frames: list[Frame], *, alpha: bool) -> bytes:
    """Offsets must be even. `alpha` is the flag in the header of the file; frames store alpha if they have any."""
    chunks = _chunk(b"VP8X", struct.pack("<I", 0x02 | (0x10 if alpha else 0)) + _uint24(size[0] - 1, size[1] - 1))
    chunks += _chunk(b"ANIM", bytes(4) + struct.pack("<H", 0))
    for frame in frames:
        buffer = io.BytesIO()
        opaque = bool((frame.pixels[..., 3] == 255).all())
        Image.fromarray(frame.pixels[..., :3] if opaque else frame.pixels).save(
            buffer, "WEBP", lossless=True, exact=True
        )
        data = buffer.getvalue()[12:]
        if data[:4] == b"VP8X":
            data = data[18:]
        height, width = frame.pixels.shape[:2]
        flags = (0 if frame.blend else 2) | (1 if frame.dispose == "background" else 0)
        head = _uint24(frame.x // 2, frame.y // 2, width - 1, height - 1, 100) + bytes([flags])
        chunks += _chunk(b"ANMF", head + data)
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def apng(size: tuple[int, int], frames: list[Frame], *, alpha: bool) -> bytes:
    """The first frame must cover the canvas, as the format demands."""
    header = struct.pack(">IIBBBBB", *size, 8, 6 if alpha else 2, 0, 0, 0)
    chunks = _png_chunk(b"IHDR", header) + _png_chunk(b"acTL", struct.pack(">II", len(frames), 0))
    sequence = 0
    for number, frame in enumerate(frames):
        height, width = frame.pixels.shape[:2]
        dispose = ("none", "background", "previous").index(frame.dispose)
        control = struct.pack(">IIIIIHHBB", sequence, width, height, frame.x, frame.y, 1, 10, dispose, frame.blend)
        chunks += _png_chunk(b"fcTL", control)
        sequence += 1
        pixels = frame.pixels if alpha else frame.pixels[..., :3]
        data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
        if number:
            chunks += _png_chunk(b"fdAT", struct.pack(">I", sequence) + data)
            sequence += 1
        else:
            chunks += _png_chunk(b"IDAT", data)
    return b"\x89PNG\r\n\x1a\n" + chunks + _png_chunk(b"IEND", b"")


def gif(size: tuple[int, int], frames: list[Frame], *, background: int = 0) -> bytes:
    """Each frame has its own palette; frames with transparent pixels have a transparent index."""
    data = b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, background, 0) + b"\x00\x00\x00\xff\x00\xff"
    for frame in frames:
        height, width = frame.pixels.shape[:2]
        image = Image.fromarray(np.ascontiguousarray(frame.pixels[..., :3])).quantize(64)
        indices = np.array(image)
        see_through = frame.pixels[..., 3] == 0
        indices[see_through] = 255
        palette = (image.getpalette() or [])[: 3 * 64]
        single = Image.fromarray(indices, "P")
        single.putpalette(palette + [0] * (768 - len(palette)))
        buffer = io.BytesIO()
        single.save(buffer, "GIF", optimize=False)
        one = buffer.getvalue()
        start = 13 + 768
        while one[start : start + 1] == b"!":  # extensions of the single frame
            start += 2
            while one[start]:
                start += 1 + one[start]
            start += 1
        dispose = {"none": 1, "background": 2, "previous": 3}[frame.dispose]
        flags = dispose << 2 | bool(see_through.any())
        data += b"!\xf9\x04" + struct.pack("<BHB", flags, 10, 255) + b"\0"
        data += b"," + struct.pack("<HHHHB", frame.x, frame.y, width, height, 0x87) + one[13 : 13 + 768]
        data += one[start + 10 : -1]
    return data + b";"


def _uint24(*values: int) -> bytes:
    return b"".join(struct.pack("<I", value)[:3] for value in values)


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def block(side: int, colour: tuple[int, int, int], *, holes: bool = False) -> Pixels:
    pixels = np.empty((side, side, 4), np.uint8)
    pixels[:] = (*colour, 255)
    if holes:
        pixels[::2, ::2] = 0
    return pixels


def animation(dispose: str, *, blend: bool, covers: bool, holes: bool) -> list[Frame]:
    """Three frames; the first one covers the canvas of 16 x 16 or a part of it."""
    first = Frame(block(16 if covers else 8, (200, 40, 40)), 0 if covers else 4, 0 if covers else 4, dispose, blend)
    second = Frame(block(8, (40, 200, 40), holes=holes), 2, 2, dispose, blend)
    return [first, second, Frame(block(6, (40, 40, 200), holes=holes), 8, 8, dispose, blend)]


def samples(data: bytes, **changes: object) -> list[Pixels]:
    """RGB pixels of the samples that a file gives."""
    made = convert(data, recipe(**changes)).samples
    return [np.asarray(Image.open(io.BytesIO(sample.data))) for sample in made]


def recipe(**changes: object):  # type: ignore[no-untyped-def]
    settings = {"shape": "as_is", "encoding": "png", "frames": "all", "background": "#336699", "resolution": 8}
    return ShardConfig(source="x", dataset="x", **(settings | changes)).recipe()  # type: ignore[arg-type]


def outcome(data: bytes) -> str:
    try:
        return str(convert(data, recipe()).facts["damage"])
    except RefusedError as refused:
        return refused.code


def on_background(pixels: Pixels) -> Pixels:
    return np.where(pixels[..., 3:] > 0, pixels[..., :3], np.uint8(BACKGROUND))


@pytest.mark.parametrize("covers", [True, False], ids=["covers", "partial"])
@pytest.mark.parametrize(("alpha", "holes"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("dispose", ["none", "background"])
@pytest.mark.parametrize("blend", [True, False], ids=["blend", "replace"])
def test_every_frame_of_a_webp_animation(dispose: str, blend: bool, alpha: bool, holes: bool, covers: bool) -> None:
    frames = animation(dispose, blend=blend, covers=covers, holes=holes)
    for found, shown in zip(samples(webp(SIZE, frames, alpha=alpha)), rendered(SIZE, frames), strict=True):
        assert np.array_equal(found, on_background(shown))


DISPOSALS = ["none", "background", "previous"]


@pytest.mark.parametrize(("alpha", "holes"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("dispose", DISPOSALS)
@pytest.mark.parametrize("blend", [True, False], ids=["blend", "replace"])
def test_every_frame_of_an_apng_animation(dispose: str, blend: bool, alpha: bool, holes: bool, tmp_path: Path) -> None:
    frames = animation(dispose, blend=blend, covers=True, holes=holes)
    data, shown = apng(SIZE, frames, alpha=alpha), rendered(SIZE, frames)
    for found, pixels in zip(samples(data), shown, strict=True):
        assert np.array_equal(found, on_background(pixels))
    assert np.array_equal(samples(data, frames="every:2")[1], on_background(shown[2]))
    if program := shutil.which("apngdis"):  # an independent decoder
        (tmp_path / "a.png").write_bytes(data)
        subprocess.run([program, "a.png"], cwd=tmp_path, check=True, capture_output=True)
        for path, pixels in zip(sorted(tmp_path.glob("apngframe*.png")), shown, strict=True):
            assert np.array_equal(on_background(np.asarray(Image.open(path).convert("RGBA"))), on_background(pixels))


@pytest.mark.parametrize("covers", [True, False], ids=["covers", "partial"])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("dispose", DISPOSALS)
def test_every_frame_of_a_gif_animation(dispose: str, holes: bool, covers: bool) -> None:
    frames = animation(dispose, blend=True, covers=covers, holes=holes)
    data, shown = gif(SIZE, frames), rendered(SIZE, frames)
    for found, pixels in zip(samples(data), shown, strict=True):
        assert np.array_equal(found, on_background(pixels))
    assert np.array_equal(samples(data, frames="first")[0], on_background(shown[0]))


@pytest.mark.parametrize("covers", [True, False], ids=["covers", "partial"])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("dispose", DISPOSALS)
@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_imagemagick_shows_the_same_frames(kind: str, dispose: str, holes: bool, covers: bool, tmp_path: Path) -> None:
    program = next(filter(None, map(shutil.which, ("magick", "convert-im6.q16"))), None)
    if program is None:
        pytest.skip("ImageMagick is not installed")
    frames = animation(dispose, blend=True, covers=covers, holes=holes)
    if kind == "webp" and dispose == "previous":
        pytest.skip("WebP has no such disposal")
    if kind == "webp" and not covers:
        pytest.skip("ImageMagick draws on the background colour of the file, which the WebP specification leaves open")
    data = gif(SIZE, frames) if kind == "gif" else webp(SIZE, frames, alpha=True)
    (tmp_path / f"a.{kind}").write_bytes(data)
    command = [program, f"a.{kind}", "-alpha", "set", "-coalesce", "PNG32:f%d.png"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if "no decode delegate" in done.stderr:
        pytest.skip(f"this ImageMagick does not read {kind}")
    for found, path in zip(samples(data), sorted(tmp_path.glob("f*.png")), strict=True):
        assert np.array_equal(found, on_background(np.asarray(Image.open(path))))


def test_an_apng_default_image_is_not_part_of_the_animation() -> None:
    still = io.BytesIO()
    Image.new("RGB", SIZE, "red").save(still, "PNG")
    frames = animation("none", blend=True, covers=True, holes=False)
    moving = apng(SIZE, frames, alpha=False)
    head, data = moving[:33], moving[33:]
    control = head + data[:20]
    idat = still.getvalue()[33:-12]
    first = data[20 : 20 + 38]
    drawn = data[58:]
    length = int.from_bytes(drawn[:4])
    rest = drawn[length + 12 :]
    frame = _png_chunk(b"fdAT", struct.pack(">I", 1) + drawn[8 : 8 + length])
    found = samples(control + idat + first + frame + rest)
    assert np.array_equal(found[0], np.full((16, 16, 3), (255, 0, 0), np.uint8))
    for pixels, shown in zip(found[1:], rendered(SIZE, frames), strict=False):
        assert np.array_equal(pixels, on_background(shown))


@pytest.mark.parametrize("kind", ["gif", "png"])
def test_a_cut_off_animation_is_refused_or_recorded_as_damaged(kind: str) -> None:
    frames = animation("none", blend=True, covers=True, holes=False)
    data = gif(SIZE, frames) if kind == "gif" else apng(SIZE, frames, alpha=True)
    for length in range(60, len(data) - 1, 7):
        assert outcome(data[:length]) in ("truncated", "broken_data", "broken_header", "no_end_mark")


def test_a_covered_canvas_gives_the_bytes_of_a_still_image() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 4), np.uint8)
    noise[..., 3] = 255
    still = io.BytesIO()
    Image.fromarray(noise[..., :3]).save(still, "WEBP", lossless=True)
    moving = webp(SIZE, [Frame(noise)], alpha=False)
    one, other = (
        convert(data, recipe(shape="crop", encoding="jpeg:90")).samples for data in (moving, still.getvalue())
    )
    assert one[0].data == other[0].data


@pytest.mark.parametrize("encoding", ["png", "original"])
def test_a_single_frame_that_does_not_cover_the_canvas(encoding: str) -> None:
    frames = animation("none", blend=True, covers=False, holes=False)[:1]
    for data in (webp(SIZE, frames, alpha=False), gif(SIZE, frames)):
        (found,) = samples(data, encoding=encoding)
        assert np.array_equal(found, on_background(rendered(SIZE, frames)[0]))


def test_frames_that_were_not_read_are_not_known_to_be_whole() -> None:
    frames = animation("none", blend=True, covers=True, holes=False)
    for data in (webp(SIZE, frames, alpha=False), gif(SIZE, frames), apng(SIZE, frames, alpha=True)):
        assert convert(data, recipe(frames="first")).facts["damage"] == "unread_frames"
        assert convert(data, recipe(frames="most:2")).facts["damage"] == "unread_frames"
        assert convert(data, recipe(frames="all")).facts["damage"] == ""
    assert convert(gif(SIZE, frames)[:-30] + b";", recipe(frames="first")).facts["damage"] == "unread_frames"
    assert convert(gif(SIZE, frames[:1]), recipe(frames="first")).facts["damage"] == ""
