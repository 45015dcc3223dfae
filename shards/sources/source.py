"""Lists a source of any kind as entries, without decoding anything.

Every file of the source is an entry. A file that turns out not to be an image ends in the quarantine as
`not_an_image`, so every file is accounted for. The kind of a source is recognised by its content; only text listings
are recognised by their suffix.
"""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from shards.config import ShardConfig
from shards.errors import DatasetError, SourceError
from shards.layout.manifest import MANIFEST, MOST_BYTES, Manifest, beside, load_manifest
from shards.sources.archives import archive_kind, list_archive
from shards.sources.entries import Entry, Notes, top_folder
from shards.sources.folders import is_glob, list_folder, list_glob, list_remote_folder
from shards.sources.listings import list_rows, listing_kind
from shards.sources.webdataset import LabelMember
from shards.storage.uris import STORES, exists, filesystem_of, is_remote, join, local_path, open_binary, protocol_of

_LABELS_FILE = "dataset.json"
_KINDS = "a folder, a glob, a zip or tar archive, a parquet, csv, tsv or jsonl listing, or a manifest.json"


def list_entries(config: ShardConfig, notes: Notes | None = None) -> Iterator[Entry]:
    """List a source of any kind; what a person should know about it is added to `notes`.

    Raises SourceError when the source is missing, damaged or of an unknown kind.
    """
    notes = notes or Notes()
    if is_glob(config.source):
        return _expand(list_glob(config.source), config, notes)
    if _is_folder(config.source):
        return _list_folder(config, notes)
    return _list_file(config, notes)


def _list_folder(config: ShardConfig, notes: Notes) -> Iterator[Entry]:
    source = config.source
    if exists(join(source, MANIFEST)):
        _must_be_file(join(source, MANIFEST))
        return _list_shards(join(source, MANIFEST), by_folder=config.has_labels)
    remote = is_remote(source)
    if not config.has_labels:
        return list_remote_folder(source) if remote else list_folder(local_path(source), Notes())
    entries = list_remote_folder(source) if remote else list_folder(local_path(source), notes)
    named = None if config.labels == "folders" else _labels_file(join(source, _LABELS_FILE))
    return _by_top_folder(entries) if named is None else _relabelled(entries, named)


def _list_file(config: ShardConfig, notes: Notes) -> Iterator[Entry]:
    source = config.source
    _must_be_file(source)
    if source.endswith("/" + MANIFEST):
        return _list_shards(source, by_folder=config.has_labels)
    with open_binary(source) as file:
        head = file.read(512)
    if archive := archive_kind(head):
        return _list_archive(source, archive, _stamp(source), "", config, notes)
    if listing := listing_kind(source, head):
        return list_rows(source, listing, _stamp(source), config)
    raise SourceError(f"the source {source!r} is of an unknown kind. Give {_KINDS}.")


def _list_archive(uri: str, kind: str, stamp: str, prefix: str, config: ShardConfig, notes: Notes) -> Iterator[Entry]:
    where = LabelMember.parse(config.label_member)
    labels = config.has_labels
    return list_archive(uri, kind, stamp, by_folder=labels, prefix=prefix, label_member=where, notes=notes)


def _by_top_folder(entries: Iterator[Entry]) -> Iterator[Entry]:
    return (entry._replace(label=top_folder(entry.source), depth=0) for entry in entries)


def _list_shards(uri: str, *, by_folder: bool) -> Iterator[Entry]:
    """List the samples of a dataset version of ours, with the names of its classes."""
    try:
        manifest = load_manifest(uri)
    except (DatasetError, ValidationError) as error:
        raise SourceError(str(error)) from error
    for record in manifest.shardlist:
        where = beside(uri, record.url)
        for entry in list_archive(where, "tar", record.sha256, by_folder=True, prefix=f"{record.url}/"):
            # The headers are not verified yet. The whole shard is verified before its first sample is read.
            _, *place = entry.place
            label = _class_name(manifest, entry, by_folder)
            yield entry._replace(label=label, place=("shard", *place, record.sha256), depth=None)


def _class_name(manifest: Manifest, entry: Entry, by_folder: bool) -> str | None:
    if not (by_folder and manifest.labels and entry.label):
        return None
    number = int(entry.label) if entry.label.isascii() and entry.label.isdigit() else len(manifest.labels)
    if number >= len(manifest.labels):
        raise SourceError(
            f"{entry.source!r} has the label {entry.label!r}, but {manifest.name} has {len(manifest.labels)} classes."
        )
    return manifest.labels[number]


def _expand(entries: Iterator[Entry], config: ShardConfig, notes: Notes) -> Iterator[Entry]:
    """Replace the archives among the files of a glob by the files in them."""
    for entry in entries:
        uri = str(entry.place[1])
        if not uri.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")):
            yield entry._replace(label=top_folder(entry.source), depth=0) if config.has_labels else entry
            continue
        with open_binary(uri) as file:
            kind = archive_kind(file.read(512))
        if kind is None:
            raise SourceError(f"{uri!r} has the name of an archive, but is not one. Repair it or leave it out.")
        yield from _list_archive(uri, kind, entry.stamp, f"{entry.source}/", config, notes)


def _labels_file(uri: str) -> dict[str, str] | None:
    """Read `{"labels": [[name, class], ...]}`, the form of StyleGAN's tools; return None without such a file."""
    if not exists(uri):
        return None
    _must_be_file(uri)
    with open_binary(uri) as file:
        content = file.read(MOST_BYTES)
    try:
        pairs: Any = json.loads(content)["labels"]
        return {str(name): str(label) for name, label in pairs} if pairs is not None else None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SourceError(f'{uri!r} does not have the form {{"labels": [["name.png", 0], ...]}}: {error!r}') from error


def _relabelled(entries: Iterator[Entry], labels: dict[str, str]) -> Iterator[Entry]:
    for entry in entries:
        if entry.source != _LABELS_FILE:
            yield entry._replace(label=labels.get(entry.source))


def _is_folder(source: str) -> bool:
    if is_remote(source):
        filesystem, path = filesystem_of(source)
        _must_exist(source, bool(filesystem.exists(path)))
        return protocol_of(source) in STORES and bool(filesystem.isdir(path))
    _must_exist(source, local_path(source).exists())
    return local_path(source).is_dir()


def _must_exist(source: str, there: bool) -> None:
    if not there:
        raise SourceError(f"the source {source!r} does not exist. Give {_KINDS}.")


def _must_be_file(uri: str) -> None:
    """Refuse a local pipe, socket or device: opening a pipe waits for ever."""
    if not is_remote(uri) and local_path(uri).exists() and not local_path(uri).is_file():
        raise SourceError(f"{uri!r} is not a file, but a pipe, a socket, a device or a folder. Leave it out.")


def _stamp(source: str) -> str:
    if is_remote(source):
        filesystem, path = filesystem_of(source)
        info = filesystem.info(path)
        return str(info.get("ETag") or info.get("LastModified") or info.get("size"))
    state = local_path(source).stat()
    return f"{state.st_mtime_ns}-{state.st_size}"
