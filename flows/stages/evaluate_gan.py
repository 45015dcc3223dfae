"""Score a registered generator, and make it champion if it is better."""

from typing import Annotated

from prefect import flow

from flows.configs import EvaluateGanConfig
from flows.forms import Form
from tasks.evaluation.outcome import EvaluateOutcome
from tasks.evaluation.publishing import publish_report
from tasks.evaluation.stage import decide, score_champion, score_model
from tasks.flow_runs.run_names import name_run
from tasks.flow_runs.summary import show_outcome
from tasks.registry.decisions.waiting_runs import DEPLOYMENT, put_question
from tasks.registry.overview import describe_version
from tasks.tracking.telemetry.lineage import pieces, stage
from tasks.training.delegation import is_deployed


@flow(name="evaluate-gan", flow_run_name=name_run("{config.model}", "evaluate"))
def evaluate_gan(config: Annotated[EvaluateGanConfig, Form()]) -> EvaluateOutcome:
    """Score the version and the champion under one protocol, apply the promotion rule, and write the report."""
    with stage("evaluate-gan", config.model, reads=[pieces.model(config.model)]) as lineage:
        challenger = score_model(config.model, config.evaluate)
        champion = score_champion(challenger, config.evaluate)
        with stage("promote", challenger.name, reads=[pieces.model(challenger.uri)], inner="promote") as promotion:
            verdict = decide(challenger, champion, config.promote)
            promotion.note(verdict.model_dump())
            if verdict.promoted:
                promotion.made(pieces.champion(challenger.uri))
        evaluated = publish_report(challenger, champion, verdict, config.evaluate)
        lineage.made(pieces.file(evaluated.report))
        lineage.note(evaluated.scores)
    if evaluated.waiting and is_deployed(DEPLOYMENT):
        put_question(evaluated.model)
    version = describe_version(evaluated.model)
    show_outcome(f"{version.name}: {evaluated.result}", evaluated, version.links, version.origin)
    return evaluated
