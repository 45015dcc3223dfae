"""Reads the bytes of one file, wherever it lies. This runs inside a decoder child.

Kinds of places, with what follows the kind in the list:

    file    path
    url     URI in a bucket, number of bytes if known
    web     URL, the address of the server if it is the source's own
    range   URI, offset, number of bytes
    shard   URI, offset, number of bytes, the shard's sha256
    zip     URI, offset of the header, packed bytes, unpacked bytes, method, CRC
    member  URI of a compressed tar, number of the member
    row     URI of a parquet file, row group, row, column
"""

import hashlib
import os
import stat
import struct
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from shutil import copyfileobj
from typing import Any, BinaryIO, cast

from shards.errors import BuildError, RefusedError
from shards.sources.entries import Place
from shards.storage.stores import STORES, protocol_of
from shards.storage.tar_headers import CautiousTarInfo
from shards.storage.uris import filesystem_of, is_remote, open_binary

_ZIP_HEADER = struct.Struct("<4s22xHH")
_STORED, _DEFLATED, _ENCRYPTED = 0, 8, -1
_PIECE_BYTES = 2**20


def read(place: Place, max_bytes: int) -> bytes:
    """Return the bytes at a place.

    Raises RefusedError when this one file cannot be read or is larger than `max_bytes`. Raises BuildError when the
    storage has failed, because a bucket that is unreachable must not make every file of a collection a refused one.
    """
    return _read_by(_READERS, place, max_bytes)


def _read_by(readers: "dict[str, Callable[..., bytes]]", place: Place, num_bytes: int) -> bytes:
    kind, *where = place
    try:
        return readers[str(kind)](num_bytes, *where)
    except (RefusedError, BuildError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise RefusedError("unreadable", "the file is in the listing but does not exist") from error
    except Exception as error:  # each client of a bucket has its own kinds of errors
        if is_remote(str(where[0])):
            raise BuildError(f"{where[0]!r} cannot be read: {type(error).__name__}: {error}") from error
        raise RefusedError("unreadable", f"the file cannot be read: {error}") from error


def read_head(place: Place, num_bytes: int, max_bytes: int) -> bytes:
    """Return at most the first `num_bytes` of the file at a place.

    Files on the web and in rows of tables are fetched whole. Neither the checksum of a file in a zip archive nor that
    of a shard is checked. Raises as `read` does.
    """
    return _read_by(_HEADS, place, num_bytes) if place[0] in _HEADS else read(place, max_bytes)[:num_bytes]


def _read_file_head(num_bytes: int, path: str) -> bytes:
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # opening a pipe must not wait for its writer
    with os.fdopen(number, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise RefusedError("unreadable", "it is not a regular file")
        return file.read(num_bytes)


def _read_url_head(num_bytes: int, uri: str, _size: int = -1) -> bytes:
    if protocol_of(uri) not in STORES:
        raise RefusedError("url_not_allowed", f"{protocol_of(uri)!r} is not the protocol of a bucket")
    filesystem, path = filesystem_of(uri)
    data: bytes = filesystem.cat_file(path, start=0, end=num_bytes)
    return data


def _read_range_head(num_bytes: int, uri: str, offset: int, size: int, *_sha256: str) -> bytes:
    return _read_range(num_bytes, uri, offset, min(size, num_bytes))


def _read_zip_head(num_bytes: int, uri: str, header: int, packed: int, size: int, method: int, crc: int) -> bytes:
    if size <= num_bytes or method not in (_STORED, _DEFLATED):
        return _read_zip(num_bytes, uri, header, packed, size, method, crc)
    data = _read_from(_file(uri), num_bytes, _start_in_zip(uri, header), min(packed, num_bytes))
    return data if method == _STORED else zlib.decompressobj(-15).decompress(data, num_bytes)


def _read_file(max_bytes: int, path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  making a Path takes longer than open()
        state = os.fstat(file.fileno())
        if stat.S_ISCHR(state.st_mode) or stat.S_ISBLK(state.st_mode):
            raise RefusedError("unreadable", "it is a device and not a file")
        _check_size(state.st_size, max_bytes)
        data = file.read(state.st_size)
        while piece := file.read(_PIECE_BYTES):  # the file has grown, or its file system reports no size
            data += piece
            _check_size(len(data), max_bytes)
        return data


def _read_url(max_bytes: int, uri: str, size: int = -1) -> bytes:
    if protocol_of(uri) not in STORES:
        raise RefusedError("url_not_allowed", f"{protocol_of(uri)!r} is not the protocol of a bucket")
    filesystem, path = filesystem_of(uri)
    _check_size(size if size >= 0 else int(filesystem.size(path) or 0), max_bytes)
    data: bytes = filesystem.cat_file(path)
    _check_size(len(data), max_bytes)
    return data


def _read_web(max_bytes: int, url: str, origin: str = "") -> bytes:
    from shards.sources.web import fetch_url  # loads TLS, which few builds need

    return fetch_url(url, max_bytes, origin=origin)


def _read_shard(max_bytes: int, uri: str, offset: int, size: int, sha256: str) -> bytes:
    """Read a sample of a shard, after the whole shard was checked against its manifest."""
    return _read_from(_proven(uri, sha256), max_bytes, offset, size)


def _read_range(max_bytes: int, uri: str, offset: int, size: int) -> bytes:
    return _read_from(_file(uri), max_bytes, offset, size)


def _read_from(file: BinaryIO, max_bytes: int, offset: int, size: int) -> bytes:
    _check_size(size, max_bytes)
    file.seek(offset)
    data = file.read(size)
    if len(data) != size:
        raise RefusedError("truncated", "the archive ends in the middle of this file")
    return data


def _read_zip(max_bytes: int, uri: str, header: int, packed: int, size: int, method: int, crc: int) -> bytes:
    _check_size(size, max_bytes)
    if method not in (_STORED, _DEFLATED):
        how = "encrypted" if method == _ENCRYPTED else f"compressed by method {method}"
        raise RefusedError("archive_method", f"it is {how} in the archive; only stored and deflated files can be read")
    data = _read_range(max_bytes, uri, _start_in_zip(uri, header), packed)
    if method == _DEFLATED:
        try:
            data = zlib.decompressobj(-15).decompress(data, size + 1)
        except zlib.error as error:
            raise RefusedError("truncated", f"the file is damaged in the archive: {error}") from error
    if len(data) != size or zlib.crc32(data) != crc:
        raise RefusedError("truncated", "the bytes in the archive are not those that its index describes")
    return data


def _start_in_zip(uri: str, header: int) -> int:
    """Return where the packed bytes of a file in a zip archive begin."""
    magic, name_bytes, extra_bytes = _ZIP_HEADER.unpack(_read_range(_ZIP_HEADER.size, uri, header, _ZIP_HEADER.size))
    if magic != b"PK\x03\x04":
        raise RefusedError("truncated", "the index of the archive names a place, but no file begins there")
    return header + _ZIP_HEADER.size + int(name_bytes) + int(extra_bytes)


def _read_member_head(num_bytes: int, uri: str, number: int) -> bytes:
    return _cursor(uri, number).read(number, num_bytes, head=True)


def _read_member(max_bytes: int, uri: str, number: int) -> bytes:
    return _cursor(uri, number).read(number, max_bytes)


def _cursor(uri: str, number: int) -> "_Cursor":
    if uri not in _cursors or _cursors[uri].number > number:
        _cursors.clear()
        _cursors[uri] = _Cursor(uri)
    return _cursors[uri]


def _read_row(max_bytes: int, uri: str, group: int, row: int, column: str) -> bytes:
    value = _column(uri, group, column)[row].as_py()
    if isinstance(value, dict):  # {"bytes": ..., "path": ...}: how Hugging Face datasets store images
        value = value.get("bytes")
    if not isinstance(value, bytes):
        raise RefusedError("unreadable", f"the column {column!r} has no bytes in this row")
    _check_size(len(value), max_bytes)
    return value


class _Cursor:
    """A compressed tar file, read forward only. Its members are asked for in the order in which they were listed."""

    def __init__(self, uri: str) -> None:
        self.number = 0
        self._tar = tarfile.open(  # noqa: SIM115  lives as long as the child
            fileobj=open_binary(uri), mode="r|*", tarinfo=CautiousTarInfo
        )

    def read(self, number: int, max_bytes: int, head: bool = False) -> bytes:
        while True:
            info = self._tar.next()
            self._tar.members = []  # type: ignore[attr-defined]  # otherwise tarfile keeps every header in memory
            self.number += 1
            if info is None:
                raise RefusedError("truncated", "the archive ends before this file")
            if self.number > number:
                break
        if not head:
            _check_size(info.size, max_bytes)
        file = self._tar.extractfile(info)
        return file.read(max_bytes) if file else b""


def forget() -> None:
    """Close all open files, so that a path stands again for the file that lies there now."""
    _cursors.clear()
    for kept in (_file, _proven, _column):
        kept.cache_clear()


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise RefusedError("file_too_large", f"the file has {size} bytes; max_file_bytes allows {max_bytes}")


@lru_cache(maxsize=8)
def _file(uri: str) -> BinaryIO:
    return open_binary(uri)


@lru_cache(maxsize=1)
def _proven(uri: str, sha256: str) -> BinaryIO:
    """Return the shard, checked. A remote shard becomes a temporary copy without a name, so it is fetched only once."""
    if is_remote(uri):
        file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  lives as long as it is cached
        with open_binary(uri) as remote:
            copyfileobj(remote, file)
        file.seek(0)
    else:
        file = open_binary(uri)
    found = hashlib.file_digest(cast("Any", file), "sha256").hexdigest()
    if found != sha256:
        raise BuildError(f"the shard {uri!r} was altered: its sha256 is {found}, its manifest says {sha256}")
    return file


@lru_cache(maxsize=1)
def _column(uri: str, group: int, column: str) -> Any:
    import pyarrow.parquet as pq

    with open_binary(uri) as file:
        return pq.ParquetFile(file).read_row_group(group, columns=[column], use_threads=False).column(0)


_cursors: dict[str, _Cursor] = {}
_READERS: dict[str, Callable[..., bytes]] = {
    "file": _read_file,
    "url": _read_url,
    "web": _read_web,
    "shard": _read_shard,
    "range": _read_range,
    "zip": _read_zip,
    "member": _read_member,
    "row": _read_row,
}
_HEADS: dict[str, Callable[..., bytes]] = {
    "file": _read_file_head,
    "url": _read_url_head,
    "range": _read_range_head,
    "shard": _read_range_head,
    "zip": _read_zip_head,
    "member": _read_member_head,
}
