"""Archives as sources: zip and tar files are listed and read in place, never unpacked.

An archive in the WebDataset layout (`key.jpg` and `key.cls`) has its classes in it. The `.cls` file and the other text
files of such a key are not images and are left out.
"""

import io
import lzma
import re
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from shards.errors import BuildError, SourceError
from shards.sources.entries import Entry, Notes, Place, is_hidden
from shards.sources.webdataset import LabelMember, Member, join_samples
from shards.storage.tar_headers import CautiousTarInfo, header_errors
from shards.storage.uris import open_binary

# Images hardly shrink in a compressed archive. Many small files, with their headers and padding, shrink about tenfold.
_MOST_EXPANSION, _EXPANSION_FLOOR_BYTES = 200, 2**28


def archive_kind(head: bytes) -> str | None:
    """Tell an archive from its first 512 bytes: `zip`, `tar`, `tar.gz` (any compressed tar) or None."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head[257:262] == b"ustar":
        return "tar"
    compressed = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
    return "tar.gz" if head.startswith(compressed) else None


def list_archive(
    uri: str,
    kind: str,
    stamp: str,
    *,
    by_folder: bool,
    prefix: str = "",
    label_member: LabelMember | None = None,
    notes: Notes | None = None,
) -> Iterator[Entry]:
    """List an archive.

    Raises SourceError when it is damaged or not what it seems, and BuildError when there is no space for its listing.
    """
    where = label_member or LabelMember()
    try:
        with header_errors(), open_binary(uri) as file:
            if kind == "zip":
                members = _zip_members(uri, file, where)
            else:
                members = _tar_members(uri, file, kind == "tar", stamp, where)
            yield from join_samples(members, where, by_folder=by_folder, prefix=prefix, notes=notes or Notes(), uri=uri)
    # zipfile raises NotImplementedError for a compression method or a zip version that it does not know.
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError) as error:
        raise SourceError(f"the archive {uri!r} cannot be listed: {error}. Repair it or leave it out.") from error
    except sqlite3.Error as error:  # the members are kept in a temporary file
        raise BuildError(
            f"the archive {uri!r} cannot be listed: {error}. Free some space in the folder for temporary files and run "
            f"the same command again."
        ) from error


def _zip_members(uri: str, file: BinaryIO, where: LabelMember) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name = _clean(info.filename)
            if not info.is_dir() and not is_hidden(name):
                method = -1 if info.flag_bits & 1 else info.compress_type
                place = ("zip", uri, info.header_offset, info.compress_size, info.file_size, method, info.CRC)
                content = _zip_content(archive, info, where.most_bytes) if where.matches(name) else b""
                yield Member(name, info.file_size, f"crc{info.CRC:08x}", place, content)


def _zip_content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most_bytes: int) -> bytes:
    """Return what a small member holds; nothing where it is too large, damaged or encrypted, so holds no label."""
    if info.file_size > most_bytes:
        return b""
    try:
        with archive.open(info) as member:
            return member.read(most_bytes)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError):
        return b""


def _tar_members(uri: str, file: BinaryIO, seekable: bool, stamp: str, where: LabelMember) -> Iterator[Member]:
    most = max(_MOST_EXPANSION * file.seek(0, io.SEEK_END), _EXPANSION_FLOOR_BYTES)
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:" if seekable else "r|*", tarinfo=CautiousTarInfo) as tar:
        for index, info in enumerate(tar):
            tar.members = []  # type: ignore[attr-defined]  # otherwise tarfile keeps every header in memory
            if not seekable and info.offset_data + info.size > most:
                raise tarfile.ReadError(f"{info.name!r} would unpack it to more than {_MOST_EXPANSION} times its size")
            name = _clean(info.name)
            if not info.isreg() or info.issparse() or is_hidden(name):
                continue
            content = _tar_content(tar, info, where.most_bytes) if where.matches(name) else b""
            place: Place = ("range", uri, info.offset_data, info.size) if seekable else ("member", uri, index)
            yield Member(name, info.size, f"{stamp}-{info.mtime}", place, content)


def _tar_content(tar: tarfile.TarFile, info: tarfile.TarInfo, most_bytes: int) -> bytes:
    file = tar.extractfile(info) if info.size <= most_bytes else None
    return file.read() if file else b""


def _clean(name: str) -> str:
    """Return a member's name without the parts that lead out of a folder. It is used as a name, never as a path."""
    name = name.encode("utf-8", "backslashreplace").decode()
    return re.sub(r"(^|/)(\.{1,2}(/|$))+", r"\1", name.replace("\\", "/")).lstrip("/")
