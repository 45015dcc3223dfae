"""The outcome of a training, as plain values. Imports neither torch nor MLflow."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tasks.home import home
from tasks.tracking.links import how_to_open_mlflow
from tasks.tracking.model_ref import ModelRef
from tasks.trainer.costs.cost import Cost
from tasks.trainer.costs.goodput import Goodput
from tasks.trainer.costs.history import History


class RegisteredModel(BaseModel):
    """A version in the model registry."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str

    @property
    def uri(self) -> str:
        return ModelRef(self.name, self.version).uri


class TrainOutcome(BaseModel):
    """The outcome of a training."""

    model_config = ConfigDict(frozen=True)

    run: str
    run_dir: str
    nimg: int
    mlflow_run_id: str
    model: RegisteredModel

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        grids = sorted(Path(self.run_dir, "samples").glob("[0-9]*.png"))
        return [
            ("run", f"{self.run}, {self.nimg:,} images seen"),
            ("run directory", self.run_dir),
            ("sample grid", str(grids[-1]) if grids else "none"),
            *([("live page", page.as_uri())] if (page := Path(self.run_dir, "live.html")).exists() else []),
            *self._spent(),
            ("model", f"{self.model.name} version {self.model.version}"),
            ("MLflow UI", how_to_open_mlflow(home())),
        ]

    def _spent(self) -> list[tuple[str, str]]:
        """Give goodput and cost, if the run directory is on this machine and has a history."""
        rows = History(Path(self.run_dir)).rows()
        goodput, cost = Goodput.of(rows), Cost.of_run(rows)
        facts = [("goodput", goodput.words())] if goodput else []
        return [*facts, ("cost", cost.words())] if cost else facts
