"""What is recognised as a mark, in real files that other programs may have written, and in hostile ones."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shards.config import ShardConfig
from shards.errors import RefusedError
from shards.images.containers.marking import JPEG_XMP, PNG_XMP, Mark, mark_image
from shards.images.containers.marks import C2PA, CREDENTIALS, MOST_BYTES, XMP, find_mark
from shards.images.conversion import convert

URI = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ATTRIBUTE = f'<d Iptc4xmpExt:DigitalSourceType="{URI}trainedAlgorithmicMedia"/>'.encode()
MANIFEST = f"\x71digitalSourceType\x78\x46{URI}compositeWithTrainedAlgorithmicMedia".encode()
PIXELS = Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8))


def saved(kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    PIXELS.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_with(chunk: bytes, at_end: bool = False) -> bytes:
    data = saved("PNG")
    place = len(data) - 12 if at_end else 33
    return data[:place] + chunk + data[place:]


def jpeg_with(marker: int, content: bytes) -> bytes:
    data = saved("JPEG")
    return data[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + data[2:]


def jumbf(content: bytes, number: int = 1) -> bytes:
    return b"JP" + struct.pack(">HII", 1, number, len(content) + 8) + b"jumb" + content


def webp_with(kind: bytes, content: bytes) -> bytes:
    data = mark_image(saved("WEBP"), Mark())
    data = data[: data.index(b"XMP ")] + kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def avif_with(content: bytes) -> bytes:
    uuid = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
    return saved("AVIF") + struct.pack(">I", len(content) + 24) + b"uuid" + uuid + content


@pytest.mark.parametrize(
    "xmp",
    [
        ATTRIBUTE,
        ATTRIBUTE.replace(b"trained", b"compositeWithTrained"),
        f"<x:DigitalSourceType>\n {URI}trainedAlgorithmicMedia</x:DigitalSourceType>".encode(),
        f"<x:DigitalSourceType rdf:resource='{URI}trainedAlgorithmicMedia'/>".encode(),
        b"<x:DigitalSourceType>trainedAlgorithmicMedia</x:DigitalSourceType>",
    ],
)
def test_every_way_to_write_the_property_is_read(xmp: bytes) -> None:
    assert find_mark(saved("JPEG", xmp=xmp)) == find_mark(saved("WEBP", xmp=xmp)) == XMP


@pytest.mark.parametrize("code", ["digitalCapture", "algorithmicMedia", "trainedAlgorithmicData"])
def test_other_source_types_are_no_mark(code: str) -> None:
    other = f'<d Iptc4xmpExt:DigitalSourceType="{URI}{code}" dc:title="not trainedAlgorithmicMedia"/>'.encode()
    assert find_mark(saved("JPEG", xmp=other)) == ""


def test_marks_are_found_wherever_a_format_has_them() -> None:
    plain, packed = PNG_XMP + b"\0\0\0\0" + ATTRIBUTE, PNG_XMP + b"\1\0\0\0" + zlib.compress(ATTRIBUTE)
    extension = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + bytes(8) + ATTRIBUTE
    gif = saved("GIF")
    files = {
        "PNG, before the pixels": png_with(png_chunk(b"iTXt", plain)),
        "PNG, after the pixels": png_with(png_chunk(b"iTXt", plain), at_end=True),
        "PNG, compressed": png_with(png_chunk(b"iTXt", packed)),
        "JPEG": jpeg_with(0xE1, JPEG_XMP + ATTRIBUTE),
        "JPEG, extended": jpeg_with(0xE1, extension),
        "GIF": gif[:-1] + b"!\xff\x0bXMP DataXMP" + ATTRIBUTE + b"\x01\0\0" + gif[-1:],
    }
    assert {name: find_mark(data) for name, data in files.items()} == dict.fromkeys(files, XMP)
    recipe = ShardConfig(source="x", dataset="x", resolution=16, marked="keep").recipe()
    for data in [*files.values(), saved("AVIF", xmp=ATTRIBUTE)]:
        assert convert(data, recipe).facts["marked"] == XMP


@pytest.mark.parametrize(("content", "mark"), [(MANIFEST, C2PA), (b"c2pa: digitalCapture", CREDENTIALS)])
def test_content_credentials_are_found_by_their_box(content: bytes, mark: str) -> None:
    files = [png_with(png_chunk(b"caBX", content)), jpeg_with(0xEB, jumbf(content)), webp_with(b"C2PA", content)]
    assert [find_mark(data) for data in [*files, avif_with(content)]] == [mark] * 4


def test_a_manifest_in_two_segments_is_joined() -> None:
    second = jpeg_with(0xEB, jumbf(MANIFEST[30:], 2))
    first = jumbf(MANIFEST[:30])
    data = second[:2] + b"\xff\xeb" + struct.pack(">H", len(first) + 2) + first + second[2:]
    assert find_mark(data) == C2PA


def test_marked_files_are_refused_unless_asked_for() -> None:
    data = mark_image(saved("PNG"), Mark("models:/m"))
    with pytest.raises(RefusedError, match="set marked to keep or class") as refused:
        convert(data, ShardConfig(source="x", dataset="x", resolution=16).recipe())
    assert refused.value.code == "marked_generated"
    kept = convert(data, ShardConfig(source="x", dataset="x", resolution=16, marked="keep").recipe())
    assert kept.facts["marked"] == XMP
    plain = convert(saved("PNG"), ShardConfig(source="x", dataset="x", resolution=16).recipe())
    assert kept.samples[0].data == plain.samples[0].data
    assert "marked" not in plain.facts


def test_hostile_metadata_is_bounded() -> None:
    bomb = zlib.compress(bytes(MOST_BYTES) + ATTRIBUTE)
    assert find_mark(png_with(png_chunk(b"iTXt", PNG_XMP + b"\1\0\0\0" + bomb))) == ""
    many = png_chunk(b"tEXt", b"") * 100_000
    assert find_mark(saved("PNG")[:33] + many + png_chunk(b"iTXt", PNG_XMP + b"\0\0\0\0" + ATTRIBUTE)) == ""
    assert find_mark(b"\xff\xd8" + b"\xff" * 1_000_000) == ""
    assert find_mark(saved("JPEG"), b"DigitalSourceType" + b" " * 1_000_000) == ""
    assert find_mark(struct.pack(">I", 8) + b"ftyp" + struct.pack(">I4s", 8, b"free") * 100_000) == ""
