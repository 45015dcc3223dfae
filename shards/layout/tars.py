"""Reads shards that may have been altered. Nothing is unpacked, and only members that a build writes are accepted."""

import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import NamedTuple

from shards.errors import ShardError
from shards.images.recipe import SUFFIXES
from shards.layout.manifest import ShardRecord
from shards.storage.tar_headers import CautiousTarInfo, header_errors

_NAME = re.compile(r"(?P<key>[0-9a-z_-]+)\.(?P<suffix>[0-9a-z]+)")
_MOST_LABEL_BYTES = 20
MOST_SAMPLE_BYTES = 2**28
_checked: dict[tuple[str, int, int], str] = {}


class RawSample(NamedTuple):
    """One sample as it is stored in a shard. `label` is None for an unlabelled sample."""

    key: str
    suffix: str
    data: bytes
    label: int | None


class Member(NamedTuple):
    """The position of one sample's image in a shard. `label` is None for an unlabelled sample."""

    key: str
    suffix: str
    offset: int
    size: int
    label: int | None


def verify(path: Path, record: ShardRecord, known: str = "") -> None:
    """Check the size and sha256 of a shard; raises ShardError. A process hashes an unchanged file only once.

    `known` is the sha256 of the file if it has been computed already.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise ShardError(
            f"The shard {str(path)!r} cannot be read: {error.strerror}. Build the dataset again."
        ) from error
    if state.st_size != record.bytes:
        raise ShardError(
            f"The shard {str(path)!r} has {state.st_size} bytes, but its manifest says {record.bytes}: it was "
            f"cut off or replaced. Build the dataset again."
        )
    identity = (str(path), state.st_mtime_ns, state.st_size)
    if _checked.get(identity) == record.sha256:
        return
    found = known or _sha256(path)
    if found != record.sha256:
        raise ShardError(
            f"The shard {str(path)!r} has the sha256 {found}, but its manifest says {record.sha256}: it was "
            f"altered. Build the dataset again."
        )
    if not known:
        _checked[identity] = found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def read_samples(path: Path, start: int = 0, stop: int | None = None) -> Iterator[RawSample]:
    """Yield the samples of a shard from number `start` up to, but not including, `stop`.

    Only the bytes of these samples are read. Raises ShardError for members that no build writes: links, folders, sparse
    files, unusual names, unknown suffixes, repeated keys, too many bytes.
    """
    number, label_of = 0, ("", -1)
    with _opened(path) as tar:
        for member, key, suffix in _members(path, tar):
            wanted = start <= number and (stop is None or number < stop)
            if suffix == "cls":
                label_of = (key, _label(path, tar, member)) if wanted else ("", -1)
                continue
            if stop is not None and number >= stop:
                return
            if wanted:
                yield RawSample(key, suffix, _bytes(path, tar, member), label_of[1] if label_of[0] == key else None)
            number += 1


def index_samples(path: Path) -> list[Member]:
    """Return the position of each sample in a shard. Reads headers and labels only; raises what read_samples raises."""
    found, label_of = [], ("", -1)
    with _opened(path) as tar:
        for member, key, suffix in _members(path, tar):
            if suffix == "cls":
                label_of = (key, _label(path, tar, member))
                continue
            label = label_of[1] if label_of[0] == key else None
            found.append(Member(key, suffix, member.offset_data, member.size, label))
    return found


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """Open a shard. It must not be compressed, because a small file could expand to a huge one."""
    try:
        with header_errors(), tarfile.open(path, "r:", tarinfo=CautiousTarInfo) as tar:
            yield tar
    except (tarfile.TarError, EOFError) as error:
        raise ShardError(
            f"The shard {str(path)!r} is not a readable tar file: {error}. Build the dataset again."
        ) from error


def _members(path: Path, tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, str, str]]:
    """Check each member, and yield it with its key and suffix."""
    images: set[str] = set()
    labels: set[str] = set()
    for member in tar:
        tar.members = []  # type: ignore[attr-defined]  # else tarfile keeps every header in memory
        key, suffix = _checked_name(path, member)
        known = labels if suffix == "cls" else images
        if key in known:
            raise ShardError(f"The shard {str(path)!r} has the key {key!r} twice. Build the dataset again.")
        known.add(key)
        if not 0 <= member.size <= MOST_SAMPLE_BYTES:
            raise ShardError(
                f"In the shard {str(path)!r}, {member.name!r} has {member.size} bytes. A sample has at most "
                f"{MOST_SAMPLE_BYTES} bytes."
            )
        yield member, key, suffix


def _checked_name(path: Path, member: tarfile.TarInfo) -> tuple[str, str]:
    match = _NAME.fullmatch(member.name)
    # tarfile counts sparse files as regular, and a header of 512 bytes can give them any size.
    plain = member.isreg() and not member.issparse()
    if not plain or match is None or match["suffix"] not in SUFFIXES | {"cls"}:
        raise ShardError(
            f"The shard {str(path)!r} has a member {member.name!r} "
            f"({'a file' if plain else 'not a regular file'}). Only regular files are read whose name is [0-9a-z_-]+ "
            f"with a suffix of cls, {', '.join(sorted(SUFFIXES))}."
        )
    return match["key"], match["suffix"]


def _label(path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> int:
    text = _bytes(path, tar, member) if member.size <= _MOST_LABEL_BYTES else b""
    if not text.isdigit():
        raise ShardError(
            f"The shard {str(path)!r} has the label {text!r} in {member.name!r}. Labels are whole numbers from 0."
        )
    return int(text)


def _bytes(path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    data = file.read() if file is not None else b""
    if len(data) != member.size:
        raise ShardError(f"The shard {str(path)!r} ends inside {member.name!r}. Build the dataset again.")
    return data
