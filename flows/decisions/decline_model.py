"""Decline a version that waits for a person."""

from typing import Annotated

from prefect import flow

from flows.configs import DeclineModelConfig
from flows.forms import Form
from tasks.flow_runs.run_names import name_run
from tasks.registry.decisions.approval import ApprovalOutcome, decline_version
from tasks.registry.decisions.waiting_runs import end_waiting_run


@flow(name="decline-model", flow_run_name=name_run("{config.model}", "decline"))
def decline_model(config: Annotated[DeclineModelConfig, Form()]) -> ApprovalOutcome:
    """Leave the champion as it is. Later evaluations do not promote the declined version either."""
    outcome = decline_version(config.model, config.by, config.reason)
    end_waiting_run(outcome.model)
    return outcome
