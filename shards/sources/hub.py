"""Datasets on the Hugging Face Hub as sources: `hf://datasets/user/name`, stored as parquet tables.

The files of each split are those that the metadata in README.md names (the key `configs`). Without them, they are found
by the word for the split in their names, as the Hub does: https://huggingface.co/docs/hub/datasets-file-names-and-splits.
Which columns hold the images and the classes, and the names of the classes, are part of the tables.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import yaml

from shards.config import ShardConfig
from shards.errors import SourceError
from shards.sources.entries import Entry, name_some
from shards.sources.listings import list_rows
from shards.sources.parquet import read_schema
from shards.storage.stores import stamp_of
from shards.storage.uris import filesystem_of

PROTOCOL = "hf"
_README = "README.md"
_MOST_README_BYTES = 2**20
_WORDS = {"train": ("train", "training"), "validation": ("validation", "valid", "val", "dev"), "test": ("test", "eval")}


def list_hub_dataset(config: ShardConfig) -> Iterator[Entry] | None:
    """List the rows of the split `config.hub_split`. Return None for a folder without parquet tables.

    Raises SourceError for an unknown split, and where the columns of the images and classes are not clear.
    """
    filesystem, root = filesystem_of(config.source)
    filesystem.invalidate_cache()  # this client keeps listings for as long as the process lives
    found = filesystem.find(root, detail=True)
    tables = {name[len(root.rstrip("/")) + 1 :]: info for name, info in sorted(found.items()) if _is_table(name)}
    if not tables:
        return None
    chosen = _files_of_split(config, list(tables), _read_configs(filesystem, f"{root}/{_README}"))
    return _rows(config, [(name, stamp_of(tables[name])) for name in chosen])


def _rows(config: ShardConfig, files: list[tuple[str, str]]) -> Iterator[Entry]:
    folder = config.source.rstrip("/")
    first = f"{folder}/{files[0][0]}"
    schema = read_schema(first, config.memory_limit_mb * 2**20)  # the tables of a split have the same columns
    columns = {
        "bytes_column": config.bytes_column or _only(schema["images"], "images", "bytes_column", first),
        "label_column": _label_column(config, schema, first),
    }
    classes = schema["classes"].get(columns["label_column"])
    for name, stamp in files:
        for entry in list_rows(f"{folder}/{name}", "parquet", stamp, config.model_copy(update=columns)):
            label = entry.label if classes is None or entry.label is None else _class_name(classes, entry.label)
            yield entry._replace(source=f"{name}/{entry.source}", label=label)


def _label_column(config: ShardConfig, schema: dict[str, Any], uri: str) -> str:
    names = list(schema["classes"])
    if not config.has_labels or config.label_column in schema["names"] or not names:
        return config.label_column
    return _only(names, "classes", "label_column", uri)


def _only(names: list[str], what: str, setting: str, uri: str) -> str:
    if len(names) == 1:
        return names[0]
    found = f"several columns with {what}: {name_some(names)}" if names else f"no column that is marked as {what}"
    raise SourceError(f"{uri!r} has {found}. Choose the column with {setting}=NAME.")


def _class_name(classes: list[str], label: str) -> str | None:
    """Return the name of a class by its number. Tables of a hidden test split have -1 in every row."""
    number = int(label) if re.fullmatch(r"-?[0-9]{1,9}", label) else len(classes)
    if number >= len(classes):
        raise SourceError(f"a row has the class {label!r}, but the table names {len(classes)} classes")
    return classes[number] if number >= 0 else None


def _files_of_split(config: ShardConfig, tables: list[str], configs: dict[str, dict[str, list[str]]]) -> list[str]:
    asked, split = config.hub_split.rpartition(":")[0], config.hub_split.rpartition(":")[2]
    splits = _choose_configuration(config.source, asked, configs)
    if splits is None:
        splits = _splits_by_name(tables)
        if asked:
            raise SourceError(
                f"{config.source!r} names no configurations in its {_README}, so hub_split={config.hub_split} asks for "
                f"one that does not exist: name its folder in the source instead"
            )
    patterns = splits.get(split)
    if patterns is None:
        raise SourceError(
            f"{config.source!r} has no split {split!r}. Choose one with hub_split: {name_some(sorted(splits))}."
        )
    chosen = [name for name in tables if any(fnmatch(name, pattern) for pattern in patterns)]
    if not chosen:
        raise SourceError(f"no parquet table in {config.source!r} has the name {name_some(patterns)}")
    return chosen


def _choose_configuration(
    source: str, asked: str, configs: dict[str, dict[str, list[str]]]
) -> dict[str, list[str]] | None:
    if not configs:
        return None
    name = asked or ("default" if "default" in configs or len(configs) > 1 else next(iter(configs)))
    if name not in configs:
        raise SourceError(
            f"{source!r} has several configurations: {name_some(configs)}. Choose one with "
            f"hub_split=CONFIGURATION:SPLIT, for example hub_split={next(iter(configs))}:train."
        )
    return configs[name]


def _splits_by_name(tables: list[str]) -> dict[str, list[str]]:
    """Return the files of each split by the words in their names. Files without such a word belong to train."""
    splits: dict[str, list[str]] = {}
    for name in tables:
        words = set(re.split(r"[^a-z]+", name.lower()))
        split = next((split for split, known in _WORDS.items() if words & set(known)), "train")
        splits.setdefault(split, []).append(name)
    return splits


def _read_configs(filesystem: Any, path: str) -> dict[str, dict[str, list[str]]]:
    """Read the patterns of files by configuration and split from the metadata in README.md; empty without them."""
    try:
        with filesystem.open(path, "rb") as file:
            text = file.read(_MOST_README_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return {}
    head = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    try:
        given = yaml.safe_load(head[1])["configs"] if head else []
        return {str(one["config_name"]): _read_splits(one["data_files"]) for one in given}
    except (yaml.YAMLError, KeyError, TypeError, RecursionError):
        return {}


def _read_splits(data_files: Any) -> dict[str, list[str]]:
    if isinstance(data_files, str):
        return {"train": [data_files]}
    return {
        str(one["split"]): [str(path) for path in (one["path"] if isinstance(one["path"], list) else [one["path"]])]
        for one in data_files
    }


def _is_table(name: str) -> bool:
    return name.endswith(".parquet")
