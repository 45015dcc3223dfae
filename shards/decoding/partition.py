"""A partition: a piece of a listing that is decoded, retried, resumed and sent to other machines as a unit.

The result is one part file: the bytes of the samples, then one JSON line per source file, then a footer with the
position of the lines. The file is renamed when it is complete, so every visible part file is whole.
"""

import json
import os
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from shards.decoding.sandbox import Answer, Decoder
from shards.errors import BuildError
from shards.images.recipe import Recipe
from shards.sources.entries import Entry
from shards.storage.files import storage_errors
from shards.storage.uris import exists, fetch, is_remote, join, store

_FOOTER = struct.Struct("<Q8s")
_MAGIC = b"shardprt"
# Reasons that may lie in the machine instead of the file: these files are tried again.
PASSING = ("unreadable", "timed_out", "decoder_died", "out_of_memory")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PartitionSpec:
    """Everything that a worker needs: the files, the recipe, and the folder for the part file."""

    entries: tuple[Entry, ...]
    recipe: Recipe
    folder: str
    time_limit_seconds: float
    memory_bytes: int

    @property
    def name(self) -> str:
        """The name of the part file. Equal work has equal names."""
        digest = sha256(self.recipe.to_json().encode())
        for entry in self.entries:
            digest.update(json.dumps(entry[:4]).encode())
        return f"{digest.hexdigest()[:24]}.part"

    def decoder(self) -> Decoder:
        """Return a decoder for the partitions of this build."""
        return Decoder(self.recipe, time_limit_seconds=self.time_limit_seconds, memory_bytes=self.memory_bytes)


def process_partition(
    spec: PartitionSpec, decoder: Decoder | None = None, on_row: Callable[[Row], None] | None = None
) -> str:
    """Decode a partition and return the path of its part file.

    An existing part file is reused, unless some of its files failed for a reason that may have passed. Raises
    BuildError when the part file cannot be stored or the decoder does not start. Refused files do not raise.
    """
    if is_remote(spec.folder):
        return _process_into_bucket(spec, decoder, on_row)
    path = Path(spec.folder, spec.name)
    if path.exists() and _is_final(path):
        return str(path)
    with storage_errors(f"write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        if decoder is not None:
            _write_part(path, spec, decoder, on_row)
        else:
            with spec.decoder() as own:
                _write_part(path, spec, own, on_row)
    return str(path)


def read_part(path: str | os.PathLike[str]) -> Iterator[Row]:
    """Yield the rows of a part file. Raises BuildError when the file is not a part file."""
    try:
        with Path(path).open("rb") as file:
            end = file.seek(0, os.SEEK_END) - _FOOTER.size
            file.seek(max(end, 0))
            start, magic = _FOOTER.unpack(file.read(_FOOTER.size))
            _require(magic == _MAGIC and start <= end, "its footer is broken")
            file.seek(start)
            while file.tell() < end:
                row = json.loads(file.readline())
                _require(isinstance(row, dict), "a row is not an object")
                yield row
    except (ValueError, RecursionError, struct.error) as error:
        raise BuildError(
            f"{str(path)!r} is not a part file of a build ({error}). Remove it and run the build again."
        ) from error


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)


def _process_into_bucket(spec: PartitionSpec, decoder: Decoder | None, on_row: Callable[[Row], None] | None) -> str:
    uri = join(spec.folder, spec.name)
    with tempfile.TemporaryDirectory(prefix="part-") as folder:
        if exists(uri):
            fetch(uri, Path(folder, spec.name))
        made = process_partition(replace(spec, folder=folder), decoder, on_row)
        store(Path(made), uri)
    return uri


def _is_final(path: Path) -> bool:
    """Return whether no file of a part should be tried again."""
    return all(row.get("reason") not in PASSING for row in read_part(path))


def _write_part(path: Path, spec: PartitionSpec, decoder: Decoder, on_row: Callable[[Row], None] | None) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            _write_rows(file, spec.entries, decoder.answers([entry.place for entry in spec.entries]), on_row)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_rows(
    file: BinaryIO, entries: Sequence[Entry], answers: Iterator[Answer], on_row: Callable[[Row], None] | None
) -> None:
    lines, offset = [], 0
    for entry, (row, payload) in zip(entries, answers, strict=True):
        for sample in row.get("samples", ()):
            sample["offset"] = offset
            offset += sample["bytes"]
        file.write(payload)
        row |= {"source": entry.source, "size": entry.size, "stamp": entry.stamp}
        lines.append(json.dumps(row, separators=(",", ":")))
        if on_row is not None:
            on_row(row)
    file.write("".join(f"{line}\n" for line in lines).encode())
    file.write(_FOOTER.pack(offset, _MAGIC))
