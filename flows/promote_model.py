"""Promote a version by hand."""

from typing import Annotated

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from flows.forms import Form
from tasks.flow_runs.run_names import name_run
from tasks.registry.succession import SuccessionOutcome, promote_version
from tasks.tracking.model_ref import ModelUri


class PromoteModelConfig(BaseModel):
    """Which model, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelUri
    why: str = Field(min_length=1, max_length=500, title="Reason", description="kept with the version")


@flow(name="promote-model", flow_run_name=name_run("{config.model}", "promote"))
def promote_model(config: Annotated[PromoteModelConfig, Form()]) -> SuccessionOutcome:
    """Make a version champion. The reason is kept with the version."""
    return promote_version(config.model, config.why)
