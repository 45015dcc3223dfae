"""Readable names of flow and task runs: the action, its object and the time."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from prefect.context import FlowRunContext
from prefect.tasks import TaskRunNameCallbackWithParameters

from tasks.tracking.model_ref import SCHEME

VERSION = re.compile("[0-9a-f]{12,}")  # of a dataset; an alias never has this form


def name_run(*words: str) -> Callable[[], str]:
    """Return a function that names a flow's runs.

    ("{config.shard.dataset}", "{config.train.family}") gives emoji-r3-20261124-191003.

    The time is the first scheduled time of the run, in UTC. A resumed run keeps its name.
    """

    def name() -> str:
        context = FlowRunContext.get()  # Prefect calls this inside the run
        parts = [shorten(word.format(**(context.parameters or {}))) for word in words] if context else []
        run = context.flow_run if context else None
        due = run.expected_start_time or run.created if run else None
        return "-".join([*parts, f"{due:%Y%m%d-%H%M%S}"] if due else parts)

    return name


def shorten(text: str) -> str:
    """Return a short name without the location: emoji for emoji@0d4d19db..., emoji-3 for models:/emoji/3."""
    if text.endswith("manifest.json"):
        return Path(text).parent.parent.name
    name, at, version = text.removeprefix(SCHEME).partition("@")
    return (name if not at or VERSION.fullmatch(version) else f"{name}-{version}").replace("/", "-")


def name_in_run(what: str) -> TaskRunNameCallbackWithParameters:
    """Return a function that names a task with the argument `run_dir`: ("train") gives train-emoji-r3-0a1b2c3d."""

    def name(parameters: dict[str, Any]) -> str:
        return f"{what}-{Path(parameters['run_dir']).name}"

    return cast(TaskRunNameCallbackWithParameters, name)  # a protocol that no plain function meets
