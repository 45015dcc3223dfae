"""The commands of the service: start everything, set servers up, run one worker."""

from pydantic import BaseModel, ConfigDict

from flows.cli.schedules import read_schedules
from tasks.service.processes import ServiceOutcome, run_service, run_worker
from tasks.service.provisioning import set_up
from tasks.service.settings import ServiceConfig, WorkerConfig

__all__ = ["ServiceConfig", "ServiceOutcome", "WorkerConfig", "run_service", "run_worker", "set_up_service"]


class SetUpOutcome(BaseModel):
    """The addresses of the servers that were set up."""

    model_config = ConfigDict(frozen=True)

    prefect: str
    mlflow: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        return [("Prefect UI", self.prefect), ("MLflow UI", self.mlflow)]


def set_up_service(config: ServiceConfig) -> SetUpOutcome:
    """Create or update pools, deployments and automations on the servers that the environment names."""
    nightly, drift = read_schedules(config)
    set_up(config, nightly, drift)
    return SetUpOutcome(prefect=config.prefect_url, mlflow=config.mlflow_url)
