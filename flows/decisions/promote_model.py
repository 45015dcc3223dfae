"""Promote a version by hand."""

from typing import Annotated

from prefect import flow

from flows.configs import PromoteModelConfig
from flows.forms import Form
from tasks.flow_runs.run_names import name_run
from tasks.registry.decisions.succession import SuccessionOutcome, promote_version
from tasks.tracking.telemetry.lineage import pieces, stage


@flow(name="promote-model", flow_run_name=name_run("{config.model}", "promote"))
def promote_model(config: Annotated[PromoteModelConfig, Form()]) -> SuccessionOutcome:
    """Make a version champion. The reason is kept with the version."""
    with stage("promote", config.model, reads=[pieces.model(config.model)]) as lineage:
        outcome = promote_version(config.model, config.why)
        lineage.made(pieces.champion(outcome.champion))
        lineage.note({"why": outcome.why})
    return outcome
