"""What is fuzzed: each reader of bytes from elsewhere, with the errors that it may raise and no others.

A target takes bytes and a scratch folder; what it lets out is a finding. Seeds are small files of every kind.
"""

import gzip
import hashlib
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from shards.config import ShardConfig
from shards.dataset.dataset import Dataset
from shards.decoding.partition import read_part
from shards.errors import BuildError, DatasetError, RefusedError, ShardError, SourceError
from shards.images.containers.marking import Mark, mark_image
from shards.images.containers.marks import find_mark
from shards.images.containers.segments import damage
from shards.images.conversion import convert
from shards.layout.tars import index_samples, read_samples
from shards.processes.wire import FrameBuffer, read_frame
from shards.sources.archives import archive_kind, list_archive
from shards.sources.listings import list_rows
from shards.sources.opening import forget, read

Target = Callable[[bytes, Path], None]
CONFIG = ShardConfig(
    source="x", dataset="x", resolution=8, encoding="png", frames="most:3", max_pixels=2**20, duplicates="pixels"
)
RECIPE = CONFIG.recipe()
ORIGINAL = CONFIG.model_copy(update={"encoding": "original", "shape": "as_is", "frames": "first"}).recipe()


def decode_image(data: bytes, _: Path) -> None:
    """Any bytes are samples or a refusal with a code, stored anew or passed through."""
    for recipe in (RECIPE, ORIGINAL):
        with suppress(RefusedError, MemoryError):
            converted = convert(data, recipe)
            assert all(len(one.data) == one.facts["bytes"] for one in converted.samples)
            json.dumps([converted.facts, *(one.facts for one in converted.samples)])


def walk_jpeg(data: bytes, _: Path) -> None:
    """The walk over a JPEG file's segments comes to its end and says one of four things."""
    assert damage(b"\xff\xd8\xff" + data) in ("", "stray_bytes", "broken_scan", "no_end_mark")


def find_marks(data: bytes, _: Path) -> None:
    """The metadata of any file say one of four things."""
    assert find_mark(data) in ("", "xmp", "c2pa", "credentials")


def read_shard(data: bytes, folder: Path) -> None:
    """A shard is samples, the same ones both ways of reading, or a ShardError."""
    path = put(folder / "shard.tar", data)
    with suppress(ShardError):
        found = index_samples(path)
        assert len({member.key for member in found}) == len(found)
        with suppress(ShardError):
            read = list(read_samples(path))
            assert [(one.key, one.suffix, one.label) for one in read] == [(m.key, m.suffix, m.label) for m in found]
            assert all(data[m.offset : m.offset + m.size] == one.data for one, m in zip(read, found, strict=True))


def list_and_open_archive(data: bytes, folder: Path) -> None:
    """An archive is entries, whose bytes can be had or are refused, or a SourceError."""
    if (kind := archive_kind(data[:512])) is None:
        return
    path = put(folder / "archive", data)
    with suppress(SourceError):
        for number, entry in enumerate(list_archive(str(path), kind, "stamp", by_folder=True)):
            json.dumps(entry)
            assert not entry.source.startswith("/")
            assert ".." not in entry.source.split("/")
            if number < 20:
                with suppress(RefusedError, MemoryError):
                    assert len(read(entry.place, 2**20)) <= 2**20
    forget()


def list_csv(data: bytes, folder: Path) -> None:
    """A CSV file is entries or a SourceError."""
    _list_text(data, folder, "csv")


def list_jsonl(data: bytes, folder: Path) -> None:
    """A file of JSON lines is entries or a SourceError."""
    _list_text(data, folder, "jsonl")


def _list_text(data: bytes, folder: Path, kind: str) -> None:
    path = put(folder / f"listing.{kind}", data)
    with suppress(SourceError):
        for entry in list_rows(str(path), kind, "stamp", CONFIG):
            json.dumps(entry).encode()
            (entry.label or "").encode()


def read_manifest(data: bytes, folder: Path) -> None:
    """A manifest is one, with a recipe and shards beside it, or a DatasetError."""
    path = put(folder / "manifest.json", data)
    with suppress(DatasetError):
        manifest = Dataset.open(path).manifest
        assert all("/" not in record.url and not record.url.startswith(".") for record in manifest.shardlist)
        assert "/" not in manifest.dataset + manifest.version
        manifest.recipe()


def read_answers(data: bytes, _: Path) -> None:
    """What a decoder child says is frames, or an error that ends it; never more memory than it may have."""
    frames = FrameBuffer(most_bytes=2**16)
    frames.feed(data)
    with suppress(ValueError, RecursionError):
        while (frame := frames.next()) is not None:
            assert len(frame[1]) <= 2**16
    with suppress(ValueError, RecursionError, EOFError):
        read_frame(io.BytesIO(data))


def read_part_file(data: bytes, folder: Path) -> None:
    """A part file is rows or a BuildError."""
    with suppress(BuildError):
        for row in read_part(put(folder / "x.part", data)):
            assert isinstance(row, dict)


def read_checkpoint(data: bytes, folder: Path) -> None:
    """A checkpoint whose hashes fit is tensors or a CheckpointError, whatever its files hold."""
    from models.errors import CheckpointError
    from models.training.checkpoints import MARKER, TENSORS, VALUES, load_checkpoint

    size = struct.unpack_from("<H", data.ljust(2))[0]
    put(folder / VALUES, data[2 : 2 + size])
    put(folder / TENSORS, data[2 + size :])
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (TENSORS, VALUES)}
    put(folder / MARKER, json.dumps(digests).encode())
    with suppress(CheckpointError):
        load_checkpoint(folder)


def put(path: Path, data: bytes) -> Path:
    """Write a scratch file."""
    path.write_bytes(data)
    return path


TARGETS: dict[str, Target] = {
    "decode_image": decode_image,
    "walk_jpeg": walk_jpeg,
    "find_marks": find_marks,
    "read_shard": read_shard,
    "list_and_open_archive": list_and_open_archive,
    "list_csv": list_csv,
    "list_jsonl": list_jsonl,
    "read_manifest": read_manifest,
    "read_answers": read_answers,
    "read_part_file": read_part_file,
    "read_checkpoint": read_checkpoint,
}


@lru_cache
def seeds(target: str) -> list[bytes]:
    """Small good inputs of a target, to be made worse."""
    return _SEEDS[target]()


def _images() -> list[bytes]:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8))
    more = {"save_all": True, "append_images": [picture.rotate(90)]}
    exif = Image.Exif()
    exif[0x0112] = 6
    ways: list[tuple[Image.Image, str, dict[str, object]]] = [
        (picture, "JPEG", {"exif": exif}),
        (picture, "JPEG", {"progressive": True, "restart_marker_blocks": 1}),
        (picture.convert("CMYK"), "JPEG", {}),
        (picture, "PNG", {}),
        (picture.quantize(8), "PNG", {"bits": 4, "transparency": 1}),
        (picture, "PNG", more),
        (picture, "GIF", more),
        (picture, "WEBP", more),
        (picture, "WEBP", {"lossless": True}),
        (picture, "AVIF", {}),
    ]
    made = []
    for image, kind, options in ways:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        made.append(buffer.getvalue())
    return made


def _marked() -> list[bytes]:
    """Files with XMP, and a C2PA manifest alone."""
    marked = [mark_image(_images()[number], Mark("models:/m", seed=1)) for number in (0, 3, 8)]
    return [*marked, *(data.replace(b"iTXtXML:com.adobe.xmp\0", b"caBXXML:com.adobe.xmp\0") for data in marked[1:2])]


def _tar(names: list[tuple[str, bytes]], how: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=how, format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
        for name, data in names:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _shards() -> list[bytes]:
    image = _images()[3]
    named = [("ab.cls", b"1"), ("ab.png", image), ("cd.cls", b"0"), ("cd.png", image)]
    return [_tar(named), _tar([("x" * 150 + ".png", b"")]), _tar([])]


def _archives() -> list[bytes]:
    image = _images()[3]
    named = [("a/x.png", image), ("a/x.cls", b"1"), ("b/é" * 40, b"text")]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in named:
            archive.writestr(name, data)
    return [_tar(named), buffer.getvalue(), gzip.compress(_tar(named)), _tar(named, "w:xz"), _tar(named, "w:bz2")]


def _manifests() -> list[bytes]:
    record = {"url": "train-000000.tar", "split": "train", "nsamples": 1, "bytes": 1, "sha256": "0" * 64}
    manifest = {
        "wids_version": 1,
        "name": "x@0",
        "dataset": "x",
        "version": "0",
        "source": "x",
        "labels": ["a", "b"],
        "resolution": 8,
        "channels": 3,
        "num_samples_by_split": {"train": 1, "val": 0},
        "libraries": {},
        "counts": {"seen": 1, "kept": 1, "duplicates": 0, "quarantined": 0, "reasons": {"truncated": 0}},
        "classes_by_split": {"train": {"a": 1}, "val": {}},
        "shardlist": [record],
        "settings": CONFIG.content_settings(),
    }
    return [json.dumps(manifest).encode()]


def _answers() -> list[bytes]:
    from shards.processes.wire import pack

    whole = pack({"samples": [{"suffix": "png", "bytes": 3}]}, b"abc") + pack({"reason": "x", "message": "y"})
    return [whole, whole[:5], whole[:20]]


def _parts() -> list[bytes]:
    row = json.dumps({"source": "a.png", "samples": [{"offset": 0, "bytes": 3}]}).encode() + b"\n"
    return [b"abc" + row + struct.pack("<Q8s", 3, b"shardprt")]


def _checkpoints() -> list[bytes]:
    from safetensors.numpy import save

    values = json.dumps({"nimg": 8, "health": {}}).encode()
    return [struct.pack("<H", len(values)) + values + save({"ema.weight": np.zeros((2, 3), np.float32)})]


_SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "decode_image": _images,
    "walk_jpeg": lambda: [data[3:] for data in _images()[:3]],
    "find_marks": _marked,
    "read_shard": _shards,
    "list_and_open_archive": _archives,
    "list_csv": lambda: [b'path,label\na.png,cat\n"b,\n.png",dog\n'],
    "list_jsonl": lambda: [b'{"path": "a.png", "label": "cat"}\n{"path": "https://x.org/\\u00e9.png", "label": 3}\n'],
    "read_manifest": _manifests,
    "read_answers": _answers,
    "read_part_file": _parts,
    "read_checkpoint": _checkpoints,
}
