"""Score a registered generator, and make it champion if it is better."""

from typing import Annotated, Self

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field, model_validator

from flows.forms import Form
from tasks.evaluation.publishing import publish_report
from tasks.evaluation.stage import EvalConfig, EvaluateOutcome, PromotionPolicy, decide, score_champion, score_model
from tasks.flow_runs.run_names import name_run
from tasks.flow_runs.summary import show_outcome
from tasks.registry.overview import describe_version
from tasks.registry.promotion import check_floors
from tasks.registry.versions import MODEL_PATTERN


class EvaluateGanConfig(BaseModel):
    """What to score, how, and what to make of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        title="Model",
        min_length=1,
        max_length=300,
        json_schema_extra={"pattern": MODEL_PATTERN},
        description="models:/name/3, models:/name@challenger, or a name (its challenger)",
    )
    evaluate: EvalConfig = Field(EvalConfig(), title="Evaluation", description="how the generator is scored")
    promote: PromotionPolicy = Field(PromotionPolicy(), title="Promotion", description="when it becomes champion")

    @model_validator(mode="after")
    def _floors_are_measured(self) -> Self:
        check_floors(self.promote, self.evaluate)
        return self


@flow(name="evaluate-gan", flow_run_name=name_run("{config.model}", "evaluate"))
def evaluate_gan(config: Annotated[EvaluateGanConfig, Form()]) -> EvaluateOutcome:
    """Score the version and its rival under one protocol, let the gate decide, and write it all up."""
    challenger = score_model(config.model, config.evaluate)
    champion = score_champion(challenger, config.evaluate)
    verdict = decide(challenger, champion, config.promote)
    evaluated = publish_report(challenger, champion, verdict, config.evaluate)
    version = describe_version(evaluated.model)
    result = "champion" if evaluated.promoted else "not promoted"
    show_outcome(f"{version.name}: {result}", evaluated, version.links, version.origin)
    return evaluated
