"""Close what was left open on either side: Prefect's flow runs, MLflow's runs."""

from typing import Annotated

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from flows.forms import Form
from tasks.flow_runs.reconciliation import close_flow_runs, close_mlflow_runs
from tasks.flow_runs.run_names import name_run
from tasks.registry.champion_check import check_champions


class ReconcileConfig(BaseModel):
    """Which sides to look at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flow_runs: bool = Field(True, title="Flow runs", description="crash flow runs whose process is gone")
    mlflow_runs: bool = Field(True, title="MLflow runs", description="close MLflow runs whose flow run has ended")
    champions: bool = Field(
        True, title="Champions", description="verify champions made outside of shardgan, in MLflow's UI for instance"
    )


class ReconcileOutcome(BaseModel):
    """What was closed, by name, and a sentence for each champion that was made outside of shardgan."""

    model_config = ConfigDict(frozen=True)

    flow_runs: list[str]
    mlflow_runs: list[str]
    champions: list[str] = []


DEFAULT = ReconcileConfig()


@flow(name="reconcile", flow_run_name=name_run("reconcile"))
def reconcile(config: Annotated[ReconcileConfig, Form()] = DEFAULT) -> ReconcileOutcome:
    """Crash flow runs without a process, so that their slots are free and they are resumed; close their MLflow runs."""
    flow_runs = close_flow_runs() if config.flow_runs else []
    mlflow_runs = close_mlflow_runs() if config.mlflow_runs else []
    champions = check_champions() if config.champions else []
    return ReconcileOutcome(flow_runs=flow_runs, mlflow_runs=mlflow_runs, champions=champions)
