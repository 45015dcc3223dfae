"""Checks of a request for a build, before anything starts. Imports neither torch nor Prefect."""

from pathlib import Path

from shards import ShardConfig, list_entries
from tasks.errors import RequestError
from tasks.home import home
from tasks.tracking.model_ref import ModelRef

PATTERN = set("*?[")


def names_model(screen: str) -> bool:
    """Return whether `shard.screen` names a model instead of a table of verdicts."""
    return ModelRef.is_uri(screen)


def check_source(config: ShardConfig) -> None:
    """Raise RequestError if a local source does not exist, and SourceError if it cannot be listed or is empty.

    The listing is only read up to its first file. The build itself checks a remote source.
    """
    if "://" in config.source:
        return
    asked = f"shard.source is {config.source!r}"
    remedy = "give the folder that contains the images"
    if not PATTERN & set(config.source) and not Path(config.source).expanduser().exists():
        raise RequestError(f"{asked}, which does not exist: {remedy}")
    if next(iter(list_entries(config)), None) is None:
        raise RequestError(f"{asked}, which is empty: {remedy}")
    if config.screen and not names_model(config.screen):
        check_file("shard.screen", config.screen, "create it with `shardgan screen`")


def check_dataset(reference: str) -> None:
    """Raise DatasetError if there is no such dataset version."""
    from shards import Dataset  # it imports NumPy, which other requests do not need

    Dataset.open(reference, home().shared)


def check_file(setting: str, path: str, remedy: str) -> None:
    """Raise RequestError if a setting names a local file that does not exist."""
    if path and "://" not in path and not Path(path).expanduser().is_file():
        raise RequestError(f"{setting} is {path!r}, but this file does not exist: {remedy}")
