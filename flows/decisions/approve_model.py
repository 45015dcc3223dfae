"""Approve a version that waits for a person."""

from typing import Annotated

from prefect import flow

from flows.configs import ApproveModelConfig
from flows.forms import Form
from tasks.flow_runs.run_names import name_run
from tasks.registry.decisions.approval import ApprovalOutcome, approve_version
from tasks.registry.decisions.waiting_runs import end_waiting_run
from tasks.tracking.telemetry.lineage import pieces, stage


@flow(name="approve-model", flow_run_name=name_run("{config.model}", "approve"))
def approve_model(config: Annotated[ApproveModelConfig, Form()]) -> ApprovalOutcome:
    """Make a version champion that waits for a person. Its files are verified now."""
    with stage("promote", config.model, reads=[pieces.model(config.model)]) as lineage:
        outcome = approve_version(config.model, config.by, config.reason, config.anyway)
        lineage.made(pieces.champion(outcome.model))
    end_waiting_run(outcome.model)
    return outcome
