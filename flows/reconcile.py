"""Close open flow runs in Prefect whose process has ended, and open runs in MLflow whose flow run has ended."""

from typing import Annotated

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from flows.forms import Form
from tasks.errors import RunLocked
from tasks.flow_runs.reconciliation import close_flow_runs, close_mlflow_runs, sole_reconcile
from tasks.flow_runs.run_names import name_run
from tasks.registry.champion_check import check_champions
from tasks.registry.decisions.waiting_runs import close_questions


class ReconcileConfig(BaseModel):
    """What to check."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flow_runs: bool = Field(True, title="Flow runs", description="mark flow runs whose process has ended as crashed")
    mlflow_runs: bool = Field(True, title="MLflow runs", description="close MLflow runs whose flow run has ended")
    champions: bool = Field(
        True,
        title="Champions",
        description="verify champions that were set outside of shardgan, such as in MLflow's UI",
    )
    approvals: bool = Field(
        True,
        title="Approvals",
        description="close questions whose time limit has passed, and flow runs that wait although nobody is asked",
    )


class ReconcileOutcome(BaseModel):
    """Names of the closed runs, and one sentence for each champion set outside of shardgan and each closed question.

    `skipped` says why nothing was checked.
    """

    model_config = ConfigDict(frozen=True)

    flow_runs: list[str]
    mlflow_runs: list[str]
    champions: list[str] = []
    approvals: list[str] = []
    skipped: str = ""


DEFAULT = ReconcileConfig()


@flow(name="reconcile", flow_run_name=name_run("reconcile"))
def reconcile(config: Annotated[ReconcileConfig, Form()] = DEFAULT) -> ReconcileOutcome:
    """Mark flow runs without a process as crashed, which frees their slots and resumes them. Close their MLflow runs.

    If another reconcile is running on this home, do nothing.
    """
    try:
        with sole_reconcile():
            flow_runs = close_flow_runs() if config.flow_runs else []
            mlflow_runs = close_mlflow_runs() if config.mlflow_runs else []
            champions = check_champions() if config.champions else []
            approvals = close_questions() if config.approvals else []
            return ReconcileOutcome(
                flow_runs=flow_runs, mlflow_runs=mlflow_runs, champions=champions, approvals=approvals
            )
    except RunLocked as other:
        return ReconcileOutcome(flow_runs=[], mlflow_runs=[], skipped=str(other))
