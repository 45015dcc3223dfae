"""The report of a study: written under the home, logged to the study's MLflow run, and linked from Prefect."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow.entities import Metric
from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext
from pydantic import BaseModel, ConfigDict

from shards import Dataset
from shards.storage.files import write_atomically
from tasks.home import home
from tasks.study.preprocessing.choice import Choice
from tasks.study.record import StudyRecord, open_record, slug
from tasks.study.report.advice import advise
from tasks.study.report.page import render_study
from tasks.study.report.tables import to_markdown
from tasks.study.results import CodecResult, StudyResults
from tasks.study.scoring import CodecScores, GeneratorScores
from tasks.study.variants import Variant, inspect_source, training_codec
from tasks.tracking.lineage import code_commit
from tasks.tracking.links import how_to_open_mlflow, link_run
from tasks.tracking.tags import RunTags


class CodecRow(BaseModel):
    """The figures of one codec. Distances are to the clean val split; None if there is no generator."""

    model_config = ConfigDict(frozen=True)

    codec: str
    dataset_version: str
    bytes_per_image: float
    alone: float
    re_encoded: float
    trained: float | None
    saved: float | None
    models: list[str]


class StudyOutcome(BaseModel):
    """The outcome of a study."""

    model_config = ConfigDict(frozen=True)

    dataset: str
    mlflow_run_id: str
    distance: str
    advice: str
    codecs: list[CodecRow]
    failures: list[str]
    report: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        rows = [("distances", f"{self.distance} to clean val images: codec alone, trained on it, also saved with it")]
        for row in self.codecs:
            values = ", ".join(
                "–" if value is None else f"{value:.4g}" for value in (row.alone, row.trained, row.saved)
            )
            rows.append((row.codec, f"{row.bytes_per_image:,.0f} bytes per image: {values}"))
        rows += [("failed", failure) for failure in self.failures]
        return [
            *rows,
            ("advice", self.advice),
            ("report", self.report),
            ("MLflow UI", how_to_open_mlflow(home())),
        ]


@task(task_run_name="report")
def publish_study(
    study_run: str,
    variants: Sequence[Variant],
    scores: Sequence[CodecScores],
    generators: Sequence[GeneratorScores],
    failures: Mapping[str, list[str]],
    choices: Sequence[Choice],
    config: Mapping[str, Any],
) -> StudyOutcome:
    """Write the report under the home, as page and Markdown, log it to the study's run, and link it from Prefect."""
    record = open_record(study_run)
    results = put_together(record, variants, scores, generators, failures, choices)
    path = home().reports / f"{results.dataset}-{study_run[:8]}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    created = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    write_atomically(path, render_study(results, config, lineage(record, results), created))
    record.client.log_artifact(study_run, str(path), "report")
    tables = path.with_suffix(".md")
    write_atomically(tables, to_markdown(results, advise(results)))
    record.client.log_artifact(study_run, str(tables), "report")
    outcome = StudyOutcome(
        dataset=results.dataset,
        mlflow_run_id=study_run,
        distance=results.frechet,
        advice=advise(results),
        codecs=[_row(results, codec) for codec in results.codecs],
        failures=[f"{codec.name}: {reason}" for codec in results.codecs for reason in codec.failures],
        report=str(path),
    )
    _log_metrics(record, outcome)
    if FlowRunContext.get():
        create_markdown_artifact(
            _summary(record, results, outcome), "compression-study", description=f"{outcome.dataset}: advice"
        )
    return outcome


def put_together(
    record: StudyRecord,
    variants: Sequence[Variant],
    scores: Sequence[CodecScores],
    generators: Sequence[GeneratorScores],
    failures: Mapping[str, list[str]],
    choices: Sequence[Choice],
) -> StudyResults:
    """Order all measurements by codec; pictures come from the record."""
    by_codec = {one.codec: one for one in scores}
    codecs = [
        CodecResult(
            variant=variant,
            scores=by_codec[variant.codec],
            trained_as=(trained_as := training_codec(variants, variant.codec)),
            generators=[one for one in generators if one.codec == variant.codec],
            failures=failures.get(trained_as, []),
        )
        for variant in variants
    ]
    names = [f"real-{slug(variant.codec)}" for variant in variants]
    names += [f"generated-{slug(one.codec)}-seed-{one.seed}" for one in generators]
    return StudyResults(
        dataset=variants[0].dataset.removesuffix("-study"),
        codecs=codecs,
        choices=choices,
        source=inspect_source(Dataset.open(variants[0].manifest)),
        pictures={name: record.picture(name) for name in names},
    )


def lineage(record: StudyRecord, results: StudyResults) -> dict[str, str]:
    """Where the results come from: data, code and run."""
    clean = Dataset.open(results.clean.variant.manifest)
    return {**dict(clean.facts()), "Commit": code_commit(), "MLflow run": record.run_id}


def _row(results: StudyResults, codec: CodecResult) -> CodecRow:
    trained, saved = results.trained(codec), results.saved(codec)
    return CodecRow(
        codec=codec.variant.codec,
        dataset_version=codec.variant.version,
        bytes_per_image=codec.variant.bytes_per_image,
        alone=results.alone(codec).value,
        re_encoded=results.re_encoded(codec),
        trained=trained.value if trained else None,
        saved=saved.value if saved else None,
        models=[one.model for one in codec.generators],
    )


def _log_metrics(record: StudyRecord, outcome: StudyOutcome) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    points = [
        Metric(f"study/{slug(row.codec)}/{name}", value, now, 0)
        for row in outcome.codecs
        for name, value in row.model_dump(
            include={"bytes_per_image", "alone", "re_encoded", "trained", "saved"}
        ).items()
        if value is not None
    ]
    record.client.log_batch(record.run_id, metrics=points)
    record.client.set_tag(record.run_id, RunTags.name("advice"), outcome.advice)


def _summary(record: StudyRecord, results: StudyResults, outcome: StudyOutcome) -> str:
    name = Path(outcome.report).name
    link = link_run(home(), record.client, record.run_id, name, f"report/{name}")
    return f"{to_markdown(results, outcome.advice)}\nReport: {link}"
