"""The service's commands: everything up, the set-up alone, one worker."""

from pydantic import BaseModel, ConfigDict

from tasks.processes import ServiceOutcome, WorkerConfig, run_service, run_worker
from tasks.provisioning import set_up
from tasks.service import ServiceConfig, check_exposure

__all__ = ["ServiceConfig", "ServiceOutcome", "WorkerConfig", "run_service", "run_worker", "set_up_service"]


class SetUpOutcome(BaseModel):
    """Where the servers are that were set up."""

    model_config = ConfigDict(frozen=True)

    prefect: str
    mlflow: str


def set_up_service(config: ServiceConfig) -> SetUpOutcome:
    """Make pools, deployments and automations on the servers that the environment names."""
    set_up(config)
    return SetUpOutcome(prefect=config.prefect_url, mlflow=config.mlflow_url)


def plan_up(config: ServiceConfig) -> list[str]:
    """What `up` would do; raises RequestError where others could reach servers without a password."""
    check_exposure(config)
    return [
        f"serve Prefect at {config.prefect_url}",
        f"serve MLflow at {config.mlflow_url}",
        f"start a worker for the pool cpu and {config.gpu_workers} for the pool gpu",
        "make pools, deployments and automations, or bring them up to date",
    ]
