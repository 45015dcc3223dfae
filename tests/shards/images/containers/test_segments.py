"""JPEG files with real damage: what libjpeg warns about is recorded, or refused on request."""

import io
import random

import pytest
from PIL import Image

from shards.config import ShardConfig
from shards.errors import RefusedError
from shards.images.containers.segments import damage
from shards.images.conversion import convert
from shards.images.recipe import Recipe

END = b"\xff\xd9"
OPTIONS = [
    {},
    {"quality": 100},
    {"progressive": True},
    {"subsampling": 2, "restart_marker_rows": 1},
    {"subsampling": 1, "restart_marker_blocks": 7},
    {"progressive": True, "restart_marker_rows": 1},
]


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    noise = random.Random(3).randbytes(75 * 50)
    picture = Image.frombytes("L", (75, 50), noise).resize((333, 222)).convert(mode)
    picture.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def recipe(damaged: str) -> Recipe:
    return ShardConfig(source="x", dataset="x", resolution=16, damaged=damaged).recipe()  # type: ignore[arg-type]


def before(data: bytes, mark: bytes, junk: bytes) -> bytes:
    at = data.rindex(mark)
    return data[:at] + junk + data[at:]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_whole_files_have_no_damage(mode: str, options: dict[str, object]) -> None:
    if mode == "L":
        options = {name: value for name, value in options.items() if name != "subsampling"}
    data = jpeg(mode, **options)
    assert damage(data) == ""
    assert damage(data + b"padding of a camera, and " + data) == ""
    assert damage(before(data, END, b"\xff\xff\xff")) == ""  # fill bytes before a marker are allowed
    exif = Image.Exif()
    exif[0x010E] = "\xff\xd9 in a thumbnail" * 50
    assert damage(jpeg(mode, exif=exif, comment=b"\xff\xda" * 9, **options)) == ""


PLAIN, RESTARTS = jpeg(), jpeg(subsampling=2, restart_marker_rows=1)
DAMAGED = {
    "bytes before the Huffman tables": (before(PLAIN, b"\xff\xc4", b"junk"), "stray_bytes"),
    "a lost restart marker": (RESTARTS.replace(b"\xff\xd3", b"", 1), "broken_scan"),
    "swapped restart markers": (RESTARTS.replace(b"\xff\xd3", b"\xff\xd6", 1), "broken_scan"),
    "a third lost, the end mark there": (RESTARTS[: len(RESTARTS) * 2 // 3] + END, "broken_scan"),
}


@pytest.mark.parametrize(("data", "code"), DAMAGED.values(), ids=DAMAGED.keys())
def test_damage_is_recorded_or_refused(data: bytes, code: str) -> None:
    assert convert(data, recipe("keep")).facts["damage"] == code
    with pytest.raises(RefusedError, match="damaged is set to refuse") as refused:
        convert(data, recipe("refuse"))
    assert refused.value.code == code


@pytest.mark.parametrize("marker", [b"\xff\x30", b"\xff\xc4", b"\xff\xd8", b"\xff\xdb"])
def test_marker_inside_the_only_scan_is_damage(marker: bytes) -> None:
    middle = PLAIN.index(b"\xff\x00", PLAIN.index(b"\xff\xda"))
    assert damage(PLAIN[:middle] + marker + PLAIN[middle + 2 :]) == "broken_scan"


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_truncated_file_is_refused_whatever_the_policy(options: dict[str, object]) -> None:
    data = jpeg(**options)
    for length in (len(data) // 2, len(data) * 3 // 4, len(data) - 40):
        assert damage(data[:length]) == "no_end_mark"
        with pytest.raises(RefusedError) as refused:
            convert(data[:length], recipe("keep"))
        assert refused.value.code == "truncated"


def test_any_bytes_give_a_result() -> None:
    assert damage(b"\xff\xd8" + b"\xff" * 2**24) == "no_end_mark"
    dice = random.Random(7)
    for _ in range(2000):
        data = bytearray(RESTARTS)
        for _ in range(dice.choice((1, 4, 40))):
            data[dice.randrange(2, len(data))] = dice.choice((0xFF, 0xD9, 0xDA, 0xC0, 0xDD, dice.randrange(256)))
        found = damage(bytes(data[: dice.randrange(2, len(data) + 1)]))
        assert found in ("", "stray_bytes", "broken_scan", "no_end_mark")
