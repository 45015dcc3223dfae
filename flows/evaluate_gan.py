"""Score a registered generator, and make it champion if it is better."""

from typing import Annotated, Self

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field, model_validator

from flows.forms import Form
from tasks.evaluation.publishing import publish_report
from tasks.evaluation.stage import EvalConfig, EvaluateOutcome, PromotionPolicy, decide, score_champion, score_model
from tasks.flow_runs.run_names import name_run
from tasks.flow_runs.summary import summarise_evaluation
from tasks.registry.policy import check_floors
from tasks.tracking.model_ref import ModelUri


class EvaluateGanConfig(BaseModel):
    """What is scored, how it is scored, and when it is promoted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelUri
    evaluate: EvalConfig = Field(EvalConfig(), title="Evaluation", description="how the generator is scored")
    promote: PromotionPolicy = Field(PromotionPolicy(), title="Promotion", description="when it becomes champion")

    @model_validator(mode="after")
    def _floors_are_measured(self) -> Self:
        check_floors(self.promote, self.evaluate)
        return self


@flow(name="evaluate-gan", flow_run_name=name_run("{config.model}", "evaluate"))
def evaluate_gan(config: Annotated[EvaluateGanConfig, Form()]) -> EvaluateOutcome:
    """Score the version and the champion under one protocol, apply the promotion rule, and write the report."""
    challenger = score_model(config.model, config.evaluate)
    champion = score_champion(challenger, config.evaluate)
    verdict = decide(challenger, champion, config.promote)
    evaluated = publish_report(challenger, champion, verdict, config.evaluate)
    summarise_evaluation(evaluated)
    return evaluated
