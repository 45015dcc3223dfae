"""Go back to the previous champion."""

from typing import Annotated

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from flows.forms import Form
from tasks.flow_runs.run_names import name_run
from tasks.registry.succession import SuccessionOutcome, restore_champion


class RollbackModelConfig(BaseModel):
    """Which model, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(title="Model", min_length=1, max_length=300, description="name in the registry")
    why: str = Field("", max_length=500, title="Reason", description="kept with the version")


@flow(name="rollback-model", flow_run_name=name_run("{config.model}", "rollback"))
def rollback_model(config: Annotated[RollbackModelConfig, Form()]) -> SuccessionOutcome:
    """Make the previous champion the champion again. Called again, it goes further back."""
    return restore_champion(config.model, config.why)
