"""Look at what is new in a source, and train when it is worth it."""

from typing import Annotated, cast

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict

from flows.configs import DriftConfig, PipelineConfig
from flows.forms import Form
from flows.pipelines.pipeline import pipeline
from tasks.datasets.drift.comparing import compare_source
from tasks.datasets.drift.decision import Advice, Comparison, advise
from tasks.flow_runs.run_names import name_run
from tasks.flow_runs.summary import show_outcome


class DriftOutcome(BaseModel):
    """What is new in the source, whether that is worth a training, and the version that was trained."""

    model_config = ConfigDict(frozen=True)

    found: Comparison
    advice: Advice
    trained: str | None = None

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        found = self.found
        files = f"{found.listed:,} files, {found.new:,} of them new; {found.sampled:,} were decoded"
        return [
            ("source", files),
            ("compared with", f"{found.dataset}, {found.known:,} images, the dataset of {found.model}"),
            ("worth it", f"{'yes' if self.advice.train else 'no'}: {self.advice.why}"),
            *(("noticed", sentence) for sentence in self.advice.noticed),
            ("trained", self.trained or "nothing"),
        ]


@flow(name="drift", flow_run_name=name_run("{config.shard.dataset}", "drift"))
def drift(config: Annotated[DriftConfig, Form()]) -> DriftOutcome:
    """Compare the new files of the source with the champion's dataset. If they are worth it, run the pipeline."""
    found = compare_source(config.shard, config.model or config.shard.dataset, config.drift, config.evaluate)
    outcome = DriftOutcome(found=found, advice=advise(found, config.drift))
    if outcome.advice.train and config.drift.start == "on":
        trained = pipeline(PipelineConfig(**config.model_dump(exclude={"drift"})))
        outcome = outcome.model_copy(update={"trained": trained.train.model.uri})
    result = "trained" if outcome.trained else "worth a training" if outcome.advice.train else "nothing to train"
    show_outcome(f"{config.shard.dataset}: {result}", outcome)
    name = result[:1].upper() + result[1:]
    return cast(DriftOutcome, Completed(name=name, message=outcome.advice.why, data=outcome))
