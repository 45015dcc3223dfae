"""Finds out whether an image file says that it was generated: in XMP, or in a C2PA manifest (Content Credentials).

Only metadata is read, at most MOST_BYTES of it, and no pixel is decoded. A mark is a claim of the file. It is not
verified, and its absence proves nothing: it is removed as easily as any metadata.
"""

import re
import zlib
from collections.abc import Callable, Iterator

from shards.images.containers.marking import JPEG_XMP, PNG_XMP, Part, parts

# What a file says. The first two say that it was generated, the third says nothing about that, such as for cameras that
# sign their photographs.
XMP, C2PA, CREDENTIALS = "xmp", "c2pa", "credentials"
GENERATED = frozenset({XMP, C2PA})
REFUSED = "marked_generated"  # the code of the refusal
MOST_BYTES = 2**22  # of metadata; longer metadata is read up to here

# The property as an attribute, as an element, or as an element with a resource (IPTC Photo Metadata Standard 2025.1).
_IN_XMP = re.compile(
    rb"""DigitalSourceType(?:\s{0,99}=\s{0,99}["']|\s{0,99}>|\s{1,99}rdf:resource\s{0,99}=\s{0,99}["'])\s{0,99}"""
    rb"(?:https?://cv\.iptc\.org/newscodes/digitalsourcetype/)?(?:compositeWithT|t)rainedAlgorithmicMedia"
)
# In a C2PA manifest, the value is plain text in CBOR: of the image itself, or of an image that was used for it.
_IN_C2PA = re.compile(rb"digitalsourcetype/(?:compositeWithT|t)rainedAlgorithmicMedia")
_JPEG_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_MORE_XMP_HEADER = len(_JPEG_MORE_XMP) + 32 + 4 + 4  # then follow a digest, the full length, and the offset
_JUMBF = b"JP"
_JUMBF_HEADER = 2 + 2 + 4 + 4 + 4  # common identifier, instance, number; length and type of the box, in each segment
_GIF_XMP, _GIF_MOST = b"!\xff\x0bXMP DataXMP", 2**16
_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # C2PA Technical Specification, A.5.1
_MOST_BOXES = 1000


def find_mark(data: bytes, known_xmp: bytes = b"") -> str:
    """Return XMP or C2PA for a file that says it was generated, CREDENTIALS for another C2PA manifest, or nothing.

    `known_xmp` is what a decoder has found as XMP, for formats that are not read here. Raises nothing.
    """
    xmp, manifest = _metadata(data)
    if _IN_XMP.search(xmp) or _IN_XMP.search(known_xmp, 0, MOST_BYTES):
        return XMP
    if _IN_C2PA.search(manifest):
        return C2PA
    return CREDENTIALS if manifest else ""


def _metadata(data: bytes) -> tuple[bytes, bytes]:
    """Return the XMP and the C2PA manifest of a file, each joined from all the places where parts of it lie."""
    xmp, manifest, left = bytearray(), bytearray(), MOST_BYTES
    for is_xmp, content in _pieces(data):
        (xmp if is_xmp else manifest).extend(content[:left])
        left -= min(len(content), left)
        if not left:
            break
    return bytes(xmp), bytes(manifest)


def _pieces(data: bytes) -> Iterator[tuple[bool, bytes]]:
    """Yield pieces of XMP (True) and of C2PA manifests (False)."""
    if data[:6] in (b"GIF87a", b"GIF89a"):
        if (start := data.find(_GIF_XMP)) >= 0:
            yield True, data[start + len(_GIF_XMP) : start + _GIF_MOST]
    elif data[4:8] == b"ftyp":
        yield from ((False, content) for content in _avif_manifests(data))
    else:
        for part in parts(data):
            if read := _READERS.get(part.kind):
                yield from read(data, part)


def _png_text(data: bytes, part: Part) -> Iterator[tuple[bool, bytes]]:
    if data.startswith(PNG_XMP, part.content):
        start = part.content + len(PNG_XMP)
        compressed = data[start : start + 1] == b"\1"
        # After two bytes about the compression follow a language and a translated keyword, each with a zero at its end.
        text = data[start + 2 : min(part.stop, start + MOST_BYTES)].split(b"\0", 2)[-1]
        yield True, _inflated(text) if compressed else text


def _inflated(text: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(text, MOST_BYTES)
    except zlib.error:
        return b""


def _jpeg_app1(data: bytes, part: Part) -> Iterator[tuple[bool, bytes]]:
    if data.startswith(JPEG_XMP, part.content):
        yield True, data[part.content + len(JPEG_XMP) : part.stop]
    elif data.startswith(_JPEG_MORE_XMP, part.content):
        yield True, data[part.content + _MORE_XMP_HEADER : part.stop]


def _jpeg_app11(data: bytes, part: Part) -> Iterator[tuple[bool, bytes]]:
    if data.startswith(_JUMBF, part.content) and data[part.content + 12 : part.content + 16] == b"jumb":
        yield False, data[part.content + _JUMBF_HEADER : part.stop]


def _whole(is_xmp: bool, data: bytes, part: Part) -> Iterator[tuple[bool, bytes]]:
    yield is_xmp, data[part.content : min(part.stop, part.content + MOST_BYTES)]


def _avif_manifests(data: bytes) -> Iterator[bytes]:
    start = 0
    for _ in range(_MOST_BOXES):
        size, kind = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8]
        if size < 8 or start + size > len(data):  # sizes 0 and 1 are for the last box and for boxes above 4 GiB
            return
        if kind == b"uuid" and data.startswith(_C2PA_UUID, start + 8):
            yield data[start + 24 : min(start + size, start + MOST_BYTES)]
        start += size


_READERS: dict[bytes, Callable[[bytes, Part], Iterator[tuple[bool, bytes]]]] = {
    b"iTXt": _png_text,
    b"caBX": lambda data, part: _whole(False, data, part),
    b"\xe1": _jpeg_app1,
    b"\xeb": _jpeg_app11,
    b"XMP ": lambda data, part: _whole(True, data, part),
    b"C2PA": lambda data, part: _whole(False, data, part),
}
