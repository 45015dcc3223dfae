"""Ask a person in Prefect's UI whether a version becomes champion, and wait without a process."""

from typing import Annotated, Literal, cast

from prefect import flow
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput, read_flow_run_input
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from flows.configs import DECISION_REASON, AskApprovalConfig
from flows.forms import Form
from tasks.evaluation.approval_page import show_question
from tasks.flow_runs.liveness import check_attempts
from tasks.flow_runs.run_names import name_run
from tasks.flow_runs.summary import show_outcome
from tasks.home import home
from tasks.registry.decisions.approval import ApprovalOutcome, approve_version, decline_version, describe_question
from tasks.registry.decisions.waiting_runs import is_answered_elsewhere
from tasks.tracking.approvals import in_a_word
from tasks.tracking.runs import connect
from tasks.tracking.telemetry.lineage import pieces, stage


class Answer(RunInput):
    """The form that Prefect shows while the flow run is suspended."""

    decision: Literal["approve", "decline"] = Field(
        title="Decision",
        description="approve: the version becomes champion. decline: the champion stays",
        json_schema_extra={"position": 0},
    )
    by: str = Field(
        min_length=1, max_length=100, title="Name", description="who decides", json_schema_extra={"position": 1}
    )
    reason: str = Field(
        "", max_length=500, title="Reason", description=DECISION_REASON, json_schema_extra={"position": 2}
    )
    anyway: bool = Field(
        False,
        title="Anyway",
        description="approve it although another version has become champion since the question was put",
        json_schema_extra={"position": 3},
    )


@flow(name="ask-approval", flow_run_name=name_run("{config.model}", "approval"))
def ask_approval(config: Annotated[AskApprovalConfig, Form()]) -> ApprovalOutcome:
    """Show the grids and scores of a version and of the champion, wait for an answer, and act on it."""
    check_attempts()
    answer = read_answer()
    if answer is None:
        if is_answered_elsewhere(connect(home()), config.model, str(flow_run.id)):
            return end(describe_question(config.model))
        form = Answer.with_initial_data(description=show_question(config.model))
        answer = suspend_flow_run(wait_for_input=form, key=key_of(flow_run.run_count))
    if answer.decision == "approve":
        with stage("promote", config.model, reads=[pieces.model(config.model)]) as lineage:
            outcome = approve_version(config.model, answer.by, answer.reason, answer.anyway)
            lineage.made(pieces.champion(outcome.model))
    else:
        outcome = decline_version(config.model, answer.by, answer.reason)
    show_outcome(f"{outcome.model}: {outcome.decision}", outcome)
    return end(outcome)


def read_answer() -> Answer | None:
    """Return what a person answered to this flow run, also if its process died before it acted on that."""
    for attempt in range(1, flow_run.run_count + 1):
        if found := read_flow_run_input(f"suspended-{key_of(attempt)}-response"):
            return Answer.model_validate(found)
    return None


def key_of(attempt: int) -> str:
    """Return the key of this attempt's question: Prefect suspends a flow run once for each key."""
    return f"answer-{attempt}"


def end(outcome: ApprovalOutcome) -> ApprovalOutcome:
    """End the flow run in a state that names the decision."""
    return cast(ApprovalOutcome, Completed(name=in_a_word(outcome.decision), message=outcome.why, data=outcome))
