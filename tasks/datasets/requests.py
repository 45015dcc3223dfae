"""Checks of what a build is asked for, made before anything starts. Imports neither torch nor Prefect."""

from pathlib import Path

from shards import ShardConfig, list_entries
from tasks.errors import RequestError
from tasks.tracking.model_ref import ModelRef

PATTERN = set("*?[")


def names_model(screen: str) -> bool:
    """Whether `shard.screen` names a model rather than a table of verdicts."""
    return ModelRef.is_uri(screen)


def check_source(config: ShardConfig) -> None:
    """Raise RequestError where a local source is not there, and SourceError where it cannot be listed or is empty.

    The listing is read as far as its first file. A remote source is looked at by the build itself.
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
        check_file("shard.screen", config.screen, "make it with `shardgan screen`")


def check_file(setting: str, path: str, remedy: str) -> None:
    """Raise RequestError where the local file that a setting names is not there."""
    if path and "://" not in path and not Path(path).expanduser().is_file():
        raise RequestError(f"{setting} is {path!r}, and there is no such file: {remedy}")
