"""Marks image files as generated: XMP metadata in PNG, JPEG and WebP, written into the bytes of an encoded file.

The mark is `Iptc4xmpExt:DigitalSourceType` with the IPTC's code trainedAlgorithmicMedia (IPTC Photo Metadata Standard
2025.1), and what is needed to make the image again: the model and the seed. The same mark in the same file gives the
same bytes. The pixels are not touched.

Where XMP lies: PNG iTXt `XML:com.adobe.xmp`, JPEG APP1 (Adobe, XMP Specification Part 3), WebP chunk `XMP ` (Google,
WebP Container Specification).

This file imports the standard library only, because a copy of it lies beside the weights of every registered version.
"""

import os
import zlib
from collections.abc import Iterator
from itertools import islice, takewhile
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

SWITCH = "SHARDGAN_MARK"
LAW = (
    "The EU AI Act, Article 50(2), requires since 2 August 2026 that generated images are marked as generated in a "
    "machine-readable way."
)
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED, COMPOSITE = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
NAMESPACE = "urn:shardgan:mark:1#"
MOST_PARTS = 65_536  # of a file; each has a header of 4 to 12 bytes

JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
PNG_XMP = b"XML:com.adobe.xmp\0"
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_APP0, _APP1, _COMMENT = b"\xe0", b"\xe1", b"\xfe"
_MOST_JPEG_BYTES = 0xFFFF - 2
_VP8X_XMP, _VP8X_ALPHA = 0x04, 0x10
# The byte order mark in `begin` says that the packet is UTF-8; the id is the same in every packet (XMP Part 1, 7.3.2).
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:shardgan="{namespace}"
 {properties}/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


class Mark(NamedTuple):
    """What a generated image says about itself. Fields that are None or empty are left out.

    `model` is the URI of the model, or names the run where no version is registered yet. `weights_sha256` says which
    version it was: a file of a registered version does not know the version's number. Image number `number` of the
    request with this `seed`, `label` and `truncation` is this image. `composite` is for pictures that show real images
    beside generated ones.
    """

    model: str = ""
    weights_sha256: str = ""
    seed: int | None = None
    number: int | None = None
    label: int | None = None
    truncation: float | None = None
    composite: bool = False


class Part(NamedTuple):
    """One chunk or segment: data[start:end] is all of it, data[content:stop] what it contains."""

    kind: bytes
    start: int
    content: int
    stop: int
    end: int


def is_on() -> bool:
    """Return whether generated images are marked. SHARDGAN_MARK=off switches it off for a whole process."""
    return os.environ.get(SWITCH, "").strip().lower() != "off"


def mark_image(data: bytes, mark: Mark) -> bytes:
    """Return the PNG, JPEG or WebP file with the mark in it, in place of any XMP that it had.

    The file is returned as it is where SHARDGAN_MARK=off. Raises ValueError for a file in another format.
    """
    return with_xmp(data, packet(mark)) if is_on() else data


def copy_mark(source: bytes, target: bytes) -> bytes:
    """Return the file `target` with the XMP of the file `source`, such as for a thumbnail.

    If `source` has no XMP, `target` is returned as it is.
    """
    found = read_xmp(source)
    return with_xmp(target, found) if found else target


def packet(mark: Mark) -> bytes:
    """Return the XMP packet of a mark."""
    described = {
        "Iptc4xmpExt:DigitalSourceType": SOURCE_TYPES + (COMPOSITE if mark.composite else GENERATED),
        "Iptc4xmpExt:AISystemUsed": mark.model and f"shardgan {mark.model}",
        "Iptc4xmpExt:AISystemVersionUsed": mark.weights_sha256 and f"weights sha256:{mark.weights_sha256}",
        "xmp:CreatorTool": "shardgan",
        "shardgan:seed": mark.seed,
        "shardgan:number": mark.number,
        "shardgan:label": mark.label,
        "shardgan:truncation": mark.truncation,
    }
    properties = [f"{name}={quoteattr(str(value))}" for name, value in described.items() if value not in (None, "")]
    return _PACKET.format(namespace=NAMESPACE, properties="\n ".join(properties)).encode()


def with_xmp(data: bytes, xmp: bytes) -> bytes:
    """Return the file with this XMP packet in place of any other. Raises ValueError where that is impossible."""
    if data.startswith(_PNG):
        return _png_with(data, xmp)
    if data.startswith(_JPEG):
        return _jpeg_with(data, xmp)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp_with(data, xmp)
    raise ValueError(f"only PNG, JPEG and WebP files can be marked; this one begins with {data[:12]!r}")


def read_xmp(data: bytes) -> bytes:
    """Return the uncompressed XMP packet of a PNG, JPEG or WebP file, or nothing."""
    for part in parts(data):
        content = data[part.content : part.stop] if _may_hold_xmp(part) else b""
        if part.kind == b"iTXt" and content.startswith(PNG_XMP + b"\0\0"):
            return content[len(PNG_XMP) + 2 :].split(b"\0", 2)[-1]
        if part.kind == _APP1 and content.startswith(JPEG_XMP):
            return content[len(JPEG_XMP) :]
        if part.kind == b"XMP ":
            return content
    return b""


def parts(data: bytes) -> Iterator[Part]:
    """Yield the chunks of a PNG or WebP file, or the segments of a JPEG file before its pixels; MOST_PARTS at most.

    Nothing is raised: a damaged file yields the parts before the damage.
    """
    if data.startswith(_PNG):
        found = _png_parts(data)
    elif data.startswith(_JPEG):
        found = _jpeg_parts(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        found = _webp_parts(data)
    else:
        found = iter(())
    return islice(found, MOST_PARTS)


def _may_hold_xmp(part: Part) -> bool:
    return part.kind in (b"iTXt", _APP1, b"XMP ")


def _png_parts(data: bytes) -> Iterator[Part]:
    start = len(_PNG)
    while start + 12 <= len(data):
        stop = start + 8 + int.from_bytes(data[start : start + 4])
        if stop + 4 > len(data):
            return
        yield Part(data[start + 4 : start + 8], start, start + 8, stop, stop + 4)
        start = stop + 4


def _jpeg_parts(data: bytes) -> Iterator[Part]:
    start = 2
    for _ in range(MOST_PARTS):
        if start + 4 > len(data) or data[start] != 0xFF:
            return
        marker = data[start + 1]
        if marker == 0xFF:  # padding
            start += 1
            continue
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4])
        if marker in (0xD9, 0xDA) or end < start + 4 or end > len(data):
            return
        yield Part(bytes([marker]), start, start + 4, end, end)
        start = end


def _webp_parts(data: bytes) -> Iterator[Part]:
    start = 12
    while start + 8 <= len(data):
        stop = start + 8 + int.from_bytes(data[start + 4 : start + 8], "little")
        if stop > len(data):
            return
        yield Part(data[start : start + 4], start, start + 8, stop, min(stop + stop % 2, len(data)))
        start = stop + stop % 2


def _png_with(data: bytes, xmp: bytes) -> bytes:
    found = list(_png_parts(data))
    if not found or (found[0].kind, found[-1].kind) != (b"IHDR", b"IEND"):
        raise ValueError("the PNG file is damaged: it does not begin with IHDR and end with IEND")
    content = b"iTXt" + PNG_XMP + b"\0\0\0\0" + xmp
    chunk = (len(content) - 4).to_bytes(4) + content + zlib.crc32(content).to_bytes(4)
    kept = [data[one.start : one.end] for one in found[1:] if not _is_png_xmp(data, one)]
    return b"".join([data[: found[0].end], chunk, *kept])


def _is_png_xmp(data: bytes, part: Part) -> bool:
    return part.kind == b"iTXt" and data.startswith(PNG_XMP, part.content)


def _jpeg_with(data: bytes, xmp: bytes) -> bytes:
    content = JPEG_XMP + xmp
    if len(content) > _MOST_JPEG_BYTES:
        raise ValueError(f"the XMP packet has {len(xmp)} bytes; a JPEG segment holds {_MOST_JPEG_BYTES} at most")
    segment = b"\xff" + _APP1 + (len(content) + 2).to_bytes(2) + content
    found = list(_jpeg_parts(data))
    first = len(list(takewhile(lambda one: one.kind == _APP0, found)))  # JFIF asks for its APP0 to be the first
    end = found[-1].end if found else 2
    kept = [b"" if _is_jpeg_xmp(data, one) else data[one.start : one.end] for one in found]
    return b"".join([data[:2], *kept[:first], segment, *kept[first:], data[end:]])


def _is_jpeg_xmp(data: bytes, part: Part) -> bool:
    return part.kind == _APP1 and data.startswith(JPEG_XMP, part.content)


def _webp_with(data: bytes, xmp: bytes) -> bytes:
    found = [one for one in _webp_parts(data) if one.kind != b"XMP "]
    if not found:
        raise ValueError("the WebP file is damaged: it contains no chunk, but one with image data was expected")
    header = bytearray(_webp_header(data, found[0]))
    header[8] |= _VP8X_XMP
    pixels = [data[one.start : one.end] + b"\0" * (one.end % 2) for one in found if one.kind != b"VP8X"]
    chunk = b"XMP " + len(xmp).to_bytes(4, "little") + xmp + b"\0" * (len(xmp) % 2)
    body = b"WEBP" + bytes(header) + b"".join(pixels) + chunk
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _webp_header(data: bytes, first: Part) -> bytes:
    """Return the chunk VP8X, which metadata needs. A simple file has none: it begins with its pixels."""
    if first.kind == b"VP8X":
        return data[first.start : first.end]
    head, alpha = data[first.content : first.content + 10], 0
    if first.kind == b"VP8L" and head[:1] == b"\x2f":  # 14 bits of width - 1, 14 of height - 1, 1 of alpha
        bits = int.from_bytes(head[1:5], "little")
        width, height, alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bits >> 28 & 1
    elif first.kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":  # 14 bits of width and 2 of scale, the same of height
        width = (int.from_bytes(head[6:8], "little") & 0x3FFF) - 1
        height = (int.from_bytes(head[8:10], "little") & 0x3FFF) - 1
    else:
        raise ValueError(f"the WebP file is damaged: it begins with {first.kind!r}")
    size = width.to_bytes(3, "little") + height.to_bytes(3, "little")
    return b"VP8X" + (10).to_bytes(4, "little") + bytes([_VP8X_ALPHA * alpha, 0, 0, 0]) + size
