"""Names of flow and task runs: what is done, to what, and when, so that people can read a list of runs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from prefect.context import FlowRunContext
from prefect.tasks import TaskRunNameCallbackWithParameters

from tasks.tracking.model_ref import SCHEME

VERSION = re.compile("[0-9a-f]{12,}")  # of a dataset; an alias is never that


def name_run(*words: str) -> Callable[[], str]:
    """A namer of a flow's runs: ("{config.shard.dataset}", "{config.train.family}") makes emoji-r3-20261124-191003.

    The time is when the run was due at first, in UTC: one that is resumed keeps its name.
    """

    def name() -> str:
        context = FlowRunContext.get()  # Prefect asks within the run
        parts = [shorten(word.format(**(context.parameters or {}))) for word in words] if context else []
        run = context.flow_run if context else None
        due = run.expected_start_time or run.created if run else None
        return "-".join([*parts, f"{due:%Y%m%d-%H%M%S}"] if due else parts)

    return name


def shorten(text: str) -> str:
    """The short name of a thing, without its location: emoji for emoji@0d4d19db..., emoji-3 for models:/emoji/3."""
    if text.endswith("manifest.json"):
        return Path(text).parent.parent.name
    name, at, version = text.removeprefix(SCHEME).partition("@")
    return (name if not at or VERSION.fullmatch(version) else f"{name}-{version}").replace("/", "-")


def name_in_run(what: str) -> TaskRunNameCallbackWithParameters:
    """A namer of a task that is given `run_dir`: ("train") makes train-emoji-r3-0a1b2c3d."""

    def name(parameters: dict[str, Any]) -> str:
        return f"{what}-{Path(parameters['run_dir']).name}"

    return cast(TaskRunNameCallbackWithParameters, name)  # a protocol that no plain function meets
