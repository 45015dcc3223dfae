"""Archives as sources: zip and tar files are listed and read in place, never unpacked.

A tar file in the WebDataset layout (`key.jpg` beside `key.cls`) brings its classes along; `.cls` and the
other files of such a key are not images and are left out.
"""

import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple

from shards.errors import SourceError
from shards.sources.entries import Entry, Place, is_hidden, top_folder
from shards.storage.tar_headers import CautiousTarInfo, header_errors
from shards.storage.uris import open_binary

_SIDECARS = frozenset({"cls", "json", "txt", "caption"})
_MOST_LABEL_BYTES = 256
# A compressed archive of images shrinks little; one of many small files, headers and padding, by some ten.
_MOST_EXPANSION, _EXPANSION_FLOOR_BYTES = 200, 2**28


class _Member(NamedTuple):
    name: str
    size: int
    stamp: str
    place: Place
    text: str


def archive_kind(head: bytes) -> str | None:
    """Tell an archive from its first 512 bytes: `zip`, `tar`, `tar.gz` (any compressed tar) or None."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head[257:262] == b"ustar":
        return "tar"
    compressed = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
    return "tar.gz" if head.startswith(compressed) else None


def list_archive(uri: str, kind: str, stamp: str, *, by_folder: bool, prefix: str = "") -> Iterator[Entry]:
    """List an archive; raises SourceError when it is damaged or not what it seems."""
    try:
        with header_errors(), open_binary(uri) as file:
            members = _zip_members(uri, file) if kind == "zip" else _tar_members(uri, file, kind == "tar", stamp)
            yield from _entries(members, prefix, by_folder=by_folder)
    # NotImplementedError is what zipfile raises for a compression or a version of zip that it does not know.
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError) as error:
        raise SourceError(f"the archive {uri!r} cannot be listed: {error}; mend it or leave it out") from error


def _entries(members: Iterator[_Member], prefix: str, *, by_folder: bool) -> Iterator[Entry]:
    for _, group in groupby(members, key=lambda member: _stem(member.name)):
        together = list(group)
        classes = [member.text for member in together if member.name.endswith(".cls")]
        for member in together:
            if classes and PurePosixPath(member.name).suffix[1:] in _SIDECARS:
                continue
            label = (classes[0] if classes else top_folder(member.name)) if by_folder else None
            yield Entry(prefix + member.name, label, member.size, member.stamp, member.place)


def _stem(name: str) -> str:
    """What the files of one WebDataset sample have in common: all up to the first dot of the base name."""
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.partition(".")[0]


def _zip_members(uri: str, file: BinaryIO) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name = _clean(info.filename)
            if not info.is_dir() and not is_hidden(name):
                method = -1 if info.flag_bits & 1 else info.compress_type
                place = ("zip", uri, info.header_offset, info.compress_size, info.file_size, method, info.CRC)
                yield _Member(name, info.file_size, f"crc{info.CRC:08x}", place, "")


def _tar_members(uri: str, file: BinaryIO, seekable: bool, stamp: str) -> Iterator[_Member]:
    most = max(_MOST_EXPANSION * file.seek(0, io.SEEK_END), _EXPANSION_FLOOR_BYTES)
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:" if seekable else "r|*", tarinfo=CautiousTarInfo) as tar:
        for index, info in enumerate(tar):
            tar.members = []  # type: ignore[attr-defined]  # tarfile keeps every header else
            if not seekable and info.offset_data + info.size > most:
                raise tarfile.ReadError(f"{info.name!r} would unpack it to more than {_MOST_EXPANSION} times its size")
            name = _clean(info.name)
            if not info.isreg() or info.issparse() or is_hidden(name):
                continue
            text = _text(tar, info) if name.endswith(".cls") else ""
            place: Place = ("range", uri, info.offset_data, info.size) if seekable else ("member", uri, index)
            yield _Member(name, info.size, f"{stamp}-{info.mtime}", place, text)


def _text(tar: tarfile.TarFile, info: tarfile.TarInfo) -> str:
    file = tar.extractfile(info) if info.size <= _MOST_LABEL_BYTES else io.BytesIO()
    return file.read().decode("utf-8", "replace").strip() if file else ""


def _clean(name: str) -> str:
    """Return a member's name without what would lead out of a folder; it is a name here and never a path."""
    name = name.encode("utf-8", "backslashreplace").decode()
    return re.sub(r"(^|/)(\.{1,2}(/|$))+", r"\1", name.replace("\\", "/")).lstrip("/")
