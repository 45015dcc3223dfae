"""Go back to the previous champion."""

from typing import Annotated

from prefect import flow

from flows.configs import RollbackModelConfig
from flows.forms import Form
from tasks.flow_runs.run_names import name_run
from tasks.registry.decisions.succession import SuccessionOutcome, restore_champion
from tasks.tracking.telemetry.lineage import pieces, stage


@flow(name="rollback-model", flow_run_name=name_run("{config.model}", "rollback"))
def rollback_model(config: Annotated[RollbackModelConfig, Form()]) -> SuccessionOutcome:
    """Make the previous champion the champion again. Each further call goes back by one more champion."""
    with stage("promote", config.model) as lineage:
        outcome = restore_champion(config.model, config.why)
        lineage.made(pieces.champion(outcome.champion))
        lineage.note({"why": outcome.why})
    return outcome
