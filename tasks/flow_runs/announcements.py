"""Events about what was made, for automations: a dataset version, a model version, a new champion.

    shardgan.dataset.finished     resource shardgan.dataset.<name>, payload dataset, version, manifest, kept
    shardgan.model.registered     resource shardgan.model.<name>, payload model, version, uri, and what it was made of
    shardgan.model.promoted       the same, with why

A server that is away loses an event and stops nothing.
"""

from collections.abc import Mapping

from mlflow.entities.model_registry import ModelVersion
from prefect.context import FlowRunContext, TaskRunContext
from prefect.events import emit_event

from shards import BuildOutcome
from tasks.tracking.model_ref import uri_of
from tasks.tracking.tags import short_tags


def announce_dataset(built: BuildOutcome) -> None:
    """Tell that a dataset version is finished."""
    payload = {"dataset": built.dataset, "version": built.version, "manifest": built.manifest, "kept": built.kept}
    _emit("shardgan.dataset.finished", f"shardgan.dataset.{built.dataset}", payload)


def announce_model(version: ModelVersion) -> None:
    """Tell that a model version is registered, and now the challenger."""
    _emit("shardgan.model.registered", f"shardgan.model.{version.name}", _describe(version))


def announce_champion(version: ModelVersion, why: str) -> None:
    """Tell that a model has a new champion."""
    _emit("shardgan.model.promoted", f"shardgan.model.{version.name}", {**_describe(version), "why": why})


def _describe(version: ModelVersion) -> dict[str, object]:
    tags = {name: short_tags(version).get(name, "") for name in ("run", "dataset", "dataset_version")}
    return {"model": version.name, "version": str(version.version), "uri": uri_of(version), **tags}


def _emit(event: str, resource: str, payload: Mapping[str, object]) -> None:
    if FlowRunContext.get() or TaskRunContext.get():
        emit_event(event, resource={"prefect.resource.id": resource}, payload=dict(payload))
