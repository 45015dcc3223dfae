"""Reading shards that may have been tampered with: nothing is unpacked, only what we write is accepted."""

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
    """One sample as it stands in a shard; `label` is None where it has none."""

    key: str
    suffix: str
    data: bytes
    label: int | None


class Member(NamedTuple):
    """Where one sample's image stands in a shard; `label` is None where it has none."""

    key: str
    suffix: str
    offset: int
    size: int
    label: int | None


def verify(path: Path, record: ShardRecord) -> None:
    """Check size and sha256 of a shard, once a process for a file that stays as it is; raises ShardError."""
    try:
        state = path.stat()
    except OSError as error:
        raise ShardError(
            f"the shard {str(path)!r} cannot be read: {error.strerror}; build the dataset again"
        ) from error
    if state.st_size != record.bytes:
        raise ShardError(
            f"the shard {str(path)!r} has {state.st_size} bytes, its manifest says {record.bytes}: it was "
            f"cut off or "
            f"replaced; build the dataset again"
        )
    identity = (str(path), state.st_mtime_ns, state.st_size)
    if _checked.get(identity) == record.sha256:
        return
    with path.open("rb") as file:
        found = file_digest(file, "sha256").hexdigest()
    if found != record.sha256:
        raise ShardError(
            f"the shard {str(path)!r} has the sha256 {found}, its manifest says {record.sha256}: it was "
            f"altered; "
            f"build the dataset again"
        )
    _checked[identity] = found


def read_samples(path: Path, start: int = 0, stop: int | None = None) -> Iterator[RawSample]:
    """Yield the samples of a shard from number `start` up to before `stop`, reading no other sample's bytes.

    Raises ShardError on members that a shard of ours cannot have: links, folders, sparse files, odd names, unknown
    suffixes, a key twice, more bytes than any sample has.
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
    """Return where each sample of a shard stands, reading headers and labels only; raises what read_samples raises."""
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
    """Open a shard that is not compressed: a small file must not become a large one."""
    try:
        with header_errors(), tarfile.open(path, "r:", tarinfo=CautiousTarInfo) as tar:
            yield tar
    except (tarfile.TarError, EOFError) as error:
        raise ShardError(
            f"the shard {str(path)!r} is no readable tar file: {error}; build the dataset again"
        ) from error


def _members(path: Path, tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, str, str]]:
    """Yield each member with its key and suffix, having refused what must not be there."""
    images: set[str] = set()
    labels: set[str] = set()
    for member in tar:
        tar.members = []  # type: ignore[attr-defined]  # tarfile keeps every header else
        key, suffix = _checked_name(path, member)
        known = labels if suffix == "cls" else images
        if key in known:
            raise ShardError(f"the shard {str(path)!r} holds the key {key!r} twice; build the dataset again")
        known.add(key)
        if not 0 <= member.size <= MOST_SAMPLE_BYTES:
            raise ShardError(
                f"the shard {str(path)!r} says that {member.name!r} has {member.size} bytes; a sample has "
                f"{MOST_SAMPLE_BYTES} at most"
            )
        yield member, key, suffix


def _checked_name(path: Path, member: tarfile.TarInfo) -> tuple[str, str]:
    match = _NAME.fullmatch(member.name)
    # A sparse file counts as regular, and a header of 512 bytes makes it as large as it likes.
    plain = member.isreg() and not member.issparse()
    if not plain or match is None or match["suffix"] not in SUFFIXES | {"cls"}:
        raise ShardError(
            f"the shard {str(path)!r} holds {member.name!r} "
            f"({'file' if plain else 'no plain file'}); only files "
            f"named [0-9a-z_-]+ with the suffixes cls, {', '.join(sorted(SUFFIXES))} are read"
        )
    return match["key"], match["suffix"]


def _label(path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> int:
    text = _bytes(path, tar, member) if member.size <= _MOST_LABEL_BYTES else b""
    if not text.isdigit():
        raise ShardError(
            f"the shard {str(path)!r} holds the label {text!r} in {member.name!r}; labels are numbers from 0"
        )
    return int(text)


def _bytes(path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    data = file.read() if file is not None else b""
    if len(data) != member.size:
        raise ShardError(f"the shard {str(path)!r} ends inside {member.name!r}; build the dataset again")
    return data
