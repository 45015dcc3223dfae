"""Events for automations: a finished dataset version, a registered model version, a new champion.

    shardgan.dataset.finished     resource shardgan.dataset.<name>, payload dataset, version, manifest, kept
    shardgan.model.registered     resource shardgan.model.<name>, payload model, version, uri, and its inputs
    shardgan.model.promoted       the same, and the reason in `why`

If the Prefect server does not answer, the event is lost and the run continues.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prefect.context import FlowRunContext, TaskRunContext
from prefect.events import emit_event

from shards import BuildOutcome
from tasks.tracking.model_ref import uri_of
from tasks.tracking.tags import short_tags

if TYPE_CHECKING:  # a build needs no MLflow
    from mlflow.entities.model_registry import ModelVersion


def announce_dataset(built: BuildOutcome) -> None:
    """Emit the event that a dataset version is finished."""
    payload = {"dataset": built.dataset, "version": built.version, "manifest": built.manifest, "kept": built.kept}
    _emit("shardgan.dataset.finished", f"shardgan.dataset.{built.dataset}", payload)


def announce_model(version: "ModelVersion") -> None:
    """Emit the event that a model version is registered and is now the challenger."""
    _emit("shardgan.model.registered", f"shardgan.model.{version.name}", _describe(version))


def announce_champion(version: "ModelVersion", why: str) -> None:
    """Emit the event that a model has a new champion."""
    _emit("shardgan.model.promoted", f"shardgan.model.{version.name}", {**_describe(version), "why": why})


def _describe(version: "ModelVersion") -> dict[str, object]:
    tags = {name: short_tags(version).get(name, "") for name in ("run", "dataset", "dataset_version")}
    return {"model": version.name, "version": str(version.version), "uri": uri_of(version), **tags}


def _emit(event: str, resource: str, payload: Mapping[str, object]) -> None:
    if FlowRunContext.get() or TaskRunContext.get():
        emit_event(event, resource={"prefect.resource.id": resource}, payload=dict(payload))
