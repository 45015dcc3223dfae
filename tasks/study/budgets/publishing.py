"""The report of a comparison by bytes: page and Markdown under the home, logged to the study's run."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import task
from pydantic import BaseModel, ConfigDict

from shards import Dataset
from shards.storage.files import write_atomically
from tasks.errors import TrainingFailed
from tasks.home import home
from tasks.reports.report import flatten_config, page_environment
from tasks.study.budgets.arms import Arm
from tasks.study.budgets.chart import draw_budgets
from tasks.study.budgets.config import name_budget
from tasks.study.budgets.results import ArmResult, BudgetResults, advise
from tasks.study.budgets.scoring import ArmScores
from tasks.study.record import open_record
from tasks.study.report.tables import Table, table_lines, with_interval
from tasks.study.variants import Variant, inspect_source
from tasks.tracking.lineage import code_commit
from tasks.tracking.links import how_to_open_mlflow
from tasks.tracking.tags import RunTags


class ArmRow(BaseModel):
    """The figures of one arm: means over its seeds, by score."""

    model_config = ConfigDict(frozen=True)

    codec: str
    robust: bool
    budget: int
    num_images: int
    num_bytes: int
    dataset_version: str
    distances: dict[str, tuple[float, float, float]]
    models: list[str]


class BudgetOutcome(BaseModel):
    """The outcome of a comparison by bytes. A distance has its mean, and the ends of its interval."""

    model_config = ConfigDict(frozen=True)

    dataset: str
    mlflow_run_id: str
    judges: list[str]
    advice: str
    arms: list[ArmRow]
    failures: list[str]
    report: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        rows = [("distances", f"{' and '.join(self.judges)} to clean val images")]
        for arm in self.arms:
            name = f"{arm.codec}{' known' if arm.robust else ''}"
            values = ", ".join(f"{mean:.4g}" for mean, _, _ in arm.distances.values())
            rows.append((name, f"{name_budget(arm.budget)}, {arm.num_images:,} images: {values}"))
        rows += [("failed", failure) for failure in self.failures]
        return [*rows, ("advice", self.advice), ("report", self.report), ("MLflow UI", how_to_open_mlflow(home()))]


@task(task_run_name="report")
def publish_budgets(
    study_run: str,
    clean: Variant,
    arms: Sequence[Arm],
    scores: Sequence[ArmScores],
    failures: Sequence[str],
    config: Mapping[str, Any],
) -> BudgetOutcome:
    """Write the report. Raises TrainingFailed where no training succeeded."""
    if not scores:
        raise TrainingFailed(f"no training of the study succeeded: {'; '.join(failures)}")
    results = BudgetResults(clean.dataset.removesuffix("-study"), _put_together(arms, scores))
    record = open_record(study_run)
    advice, table = advise(results), tabulate(results)
    path = home().reports / f"{results.dataset}-bytes-{study_run[:8]}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    source = inspect_source(Dataset.open(clean.manifest))
    page = (
        page_environment(Path(__file__).parent)
        .get_template("budgets.html.j2")
        .render(
            results=results,
            advice=advice,
            warning=source.warning(),
            chart=draw_budgets(results),
            table=table,
            failures=failures,
            nimg=f"{config['train']['nimg']:,}",
            num_seeds=max(len(one.scores) for one in results.arms),
            lineage=[*Dataset.open(clean.manifest).facts(), ("Commit", code_commit()), ("MLflow run", study_run)],
            config=list(flatten_config(config)),
            created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        )
    )
    write_atomically(path, page)
    parts = [f"**{advice}**", source.warning(), "\n".join(table_lines(table))]
    write_atomically(path.with_suffix(".md"), "\n\n".join(part for part in parts if part) + "\n")
    for file in (path, path.with_suffix(".md")):
        record.client.log_artifact(study_run, str(file), "report")
    record.client.set_tag(study_run, RunTags.name("advice"), advice)
    return BudgetOutcome(
        dataset=results.dataset,
        mlflow_run_id=study_run,
        judges=results.judges,
        advice=advice,
        arms=[_row(results, one) for one in results.arms],
        failures=list(failures),
        report=str(path),
    )


def tabulate(results: BudgetResults) -> Table:
    """One row per arm, by budget, the closest to the clean images first."""
    heads = ["Budget", "Codec", "Images", "Bytes", *results.judges, "Seeds"]
    rows = [
        [
            name_budget(budget),
            one.name,
            f"{one.arm.num_images:,}{' (all)' if one.arm.is_all else ''}",
            f"{one.arm.num_bytes:,}",
            *(with_interval(one.distance(judge)) for judge in results.judges),
            str(len(one.scores)),
        ]
        for budget in results.budgets
        for one in results.ranked(budget, results.judges[-1])
    ]
    return Table(heads, rows)


def _put_together(arms: Sequence[Arm], scores: Sequence[ArmScores]) -> list[ArmResult]:
    found = []
    for arm in arms:
        for robust in (False, True):
            key = (arm.codec, arm.budget, robust)
            of_arm = [one for one in scores if (one.codec, one.budget, one.robust) == key]
            if of_arm:
                found.append(ArmResult(arm, robust, of_arm))
    return found


def _row(results: BudgetResults, one: ArmResult) -> ArmRow:
    distances = {judge: one.distance(judge) for judge in results.judges}
    return ArmRow(
        codec=one.arm.codec,
        robust=one.robust,
        budget=one.arm.budget,
        num_images=one.arm.num_images,
        num_bytes=one.arm.num_bytes,
        dataset_version=one.arm.version,
        distances={name: (distance.value, distance.low, distance.high) for name, distance in distances.items()},
        models=[scores.model for scores in one.scores],
    )
