"""Marks in real files, read by Pillow, by an XML parser and, where they are installed, by exiftool and webpinfo."""

import io
import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shards.images.containers.marking import (
    SOURCE_TYPES,
    SWITCH,
    Mark,
    copy_mark,
    mark_image,
    packet,
    parts,
    read_xmp,
    with_xmp,
)

MARK = Mark('models:/photos & "co"/3', seed=7, number=2, label=1, truncation=0.5)
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
PIXELS = np.random.default_rng(0).integers(0, 255, (17, 33, 4), dtype=np.uint8)
KINDS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "rgb.png": ("PNG", 3, {}),
    "grey.png": ("PNG", 1, {}),
    "rgb.jpg": ("JPEG", 3, {"quality": 95}),
    "grey.jpg": ("JPEG", 1, {}),
    "lossless.webp": ("WEBP", 3, {"lossless": True}),
    "lossy.webp": ("WEBP", 3, {"quality": 80}),
    "alpha.webp": ("WEBP", 4, {"lossless": True}),
    "lossy-alpha.webp": ("WEBP", 4, {"quality": 80}),
}


def encoded(name: str) -> bytes:
    format_name, channels, options = KINDS[name]
    buffer = io.BytesIO()
    pixels = PIXELS[..., 0] if channels == 1 else PIXELS[..., :channels]
    Image.fromarray(pixels).save(buffer, format_name, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("name", KINDS)
def test_a_marked_file_says_what_it_is_and_keeps_its_pixels(name: str) -> None:
    plain = encoded(name)
    marked = mark_image(plain, MARK)
    before, after = opened(plain), opened(marked)
    assert (after.mode, after.format) == (before.mode, before.format)
    assert np.array_equal(np.asarray(after), np.asarray(before))
    assert after.info["xmp"] == packet(MARK) == read_xmp(marked)
    (described,) = ET.fromstring(after.info["xmp"]).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    assert described.get(f"{IPTC}DigitalSourceType") == f"{SOURCE_TYPES}trainedAlgorithmicMedia"
    assert described.get(f"{IPTC}AISystemUsed") == f"shardgan {MARK.model}"
    ours = {key.partition("}")[2]: value for key, value in described.attrib.items() if "shardgan" in key}
    assert ours == {"seed": "7", "number": "2", "label": "1", "truncation": "0.5"}


@pytest.mark.parametrize("name", KINDS)
def test_marking_is_repeatable_and_replaces_an_earlier_mark(name: str) -> None:
    plain = encoded(name)
    marked = mark_image(plain, MARK)
    assert mark_image(plain, MARK) == marked
    assert mark_image(mark_image(plain, MARK._replace(seed=8)), MARK) == marked


def test_metadata_of_other_kinds_stays() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    for kind, options in (("PNG", {}), ("JPEG", {}), ("WEBP", {"icc_profile": b"profile "})):
        buffer = io.BytesIO()
        Image.fromarray(PIXELS[..., :3]).save(buffer, kind, exif=exif, xmp=b"<another/>", **options)
        image = opened(mark_image(buffer.getvalue(), MARK))
        assert image.getexif()[0x010E] == "a description"
        assert image.info["xmp"] == packet(MARK)


def test_a_copy_in_another_format_keeps_the_mark() -> None:
    marked = mark_image(encoded("rgb.png"), MARK)
    assert read_xmp(copy_mark(marked, encoded("lossy.webp"))) == packet(MARK)
    assert copy_mark(encoded("rgb.png"), encoded("lossy.webp")) == encoded("lossy.webp")


def test_a_picture_with_real_images_in_it_is_a_composite() -> None:
    assert b"/compositeWithTrainedAlgorithmicMedia" in mark_image(encoded("rgb.png"), MARK._replace(composite=True))


def test_the_switch_leaves_files_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "off")
    assert mark_image(encoded("rgb.png"), MARK) == encoded("rgb.png")
    monkeypatch.setenv(SWITCH, "")
    assert mark_image(encoded("rgb.png"), MARK) != encoded("rgb.png")


def test_what_cannot_be_marked_is_refused() -> None:
    with pytest.raises(ValueError, match="only PNG, JPEG and WebP"):
        mark_image(b"GIF89a", MARK)
    with pytest.raises(ValueError, match="a JPEG segment holds"):
        with_xmp(encoded("rgb.jpg"), bytes(70_000))
    for name in ("rgb.png", "rgb.jpg", "lossy.webp"):
        for length in range(12, 60):  # cut off anywhere in its header
            with suppress(ValueError):
                assert read_xmp(mark_image(encoded(name)[:length], MARK)) == packet(MARK)
            assert len(list(parts(encoded(name)[:length]))) <= 5


@pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is not installed")
def test_exiftool_reads_the_mark(tmp_path: Path) -> None:
    for name in KINDS:
        (tmp_path / name).write_bytes(mark_image(encoded(name), MARK))
    command = ["exiftool", "-json", "-G1", "-validate", "-a", "-XMP:all", "-Warning", str(tmp_path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert len(found) == len(KINDS)
    for one in found:
        assert one["XMP-iptcExt:DigitalSourceType"] == f"{SOURCE_TYPES}trainedAlgorithmicMedia"
        assert one["XMP-shardgan:Seed"] == 7
        assert one["ExifTool:Validate"] == "OK"


@pytest.mark.skipif(not shutil.which("webpinfo"), reason="webpinfo is not installed")
def test_webpinfo_finds_no_error(tmp_path: Path) -> None:
    for name in (name for name in KINDS if name.endswith("webp")):
        (tmp_path / name).write_bytes(mark_image(encoded(name), MARK))
        said = subprocess.run(["webpinfo", str(tmp_path / name)], capture_output=True, check=True, text=True).stdout
        assert "No error detected" in said
        assert "XMP" in said
