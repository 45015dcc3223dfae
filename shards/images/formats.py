"""The format of a file, read from its first bytes, and damage to its container. No pixel is decoded here."""

import struct
import zlib

from shards.errors import RefusedError
from shards.images.containers import segments

# Pillow's names of the decoders that may run. All other formats are refused.
DECODERS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"8BPS", "PSD"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\1\0", "ICO"),
    (b"%!PS", "EPS"),
    (b"%PDF", "PDF"),
    (b"qoif", "QOI"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "GZIP"),
)
_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
}


def sniff(data: bytes) -> str:
    """Return the format of a file from its first bytes. Raises RefusedError for a format that is not decoded."""
    name = _signature(data)
    if name in DECODERS:
        return name
    if not data:
        raise RefusedError("empty_file", "The file is empty.")
    if name:
        raise RefusedError("format_not_allowed", f"{name} is not decoded. Allowed are {', '.join(DECODERS)}.")
    raise RefusedError("not_an_image", f"No known image format starts with the bytes {data[:8].hex(' ')}.")


def _signature(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "")
    return next((name for magic, name in _SIGNATURES if data.startswith(magic)), "")


def damage(format_name: str, data: bytes) -> str:
    """Return how the container of a decodable file is damaged, or an empty string.

    Pillow does not report such damage: it skips the checksums of PNG pixel data, and does not require an end mark.
    """
    return _CHECKS[format_name](data)


def _png_damage(data: bytes) -> str:
    position, view = 8, memoryview(data)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, end = data[position + 4 : position + 8], position + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            return "bad_checksum"
        if kind == b"IEND":
            return ""
        position = end + 4
    return "no_end_mark"


def _gif_damage(data: bytes) -> str:
    return "" if data.rstrip(b"\0").endswith(b";") else "no_end_mark"


def _webp_damage(data: bytes) -> str:
    (length,) = struct.unpack_from("<I", data, 4)
    return "" if length + 8 <= len(data) + 1 else "no_end_mark"


def _no_damage(data: bytes) -> str:
    return ""  # libavif refuses an incomplete container


_CHECKS = {
    "JPEG": segments.damage,
    "PNG": _png_damage,
    "GIF": _gif_damage,
    "WEBP": _webp_damage,
    "AVIF": _no_damage,
}
