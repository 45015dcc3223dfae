"""The end of an evaluation: an HTML report with scores, pictures and the lineage of the model."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from prefect import task

from models.grids import grid_labels, real_grid
from models.metrics.config import USUAL_VAL, EvalConfig
from models.metrics.judges import label_of
from models.metrics.protocol import Protocol
from shards import Dataset, Manifest
from shards.storage.files import write_atomically
from tasks.evaluation.classifier_gain import describe_gain, find_gain
from tasks.evaluation.grids import class_grid, interpolation_grid, shown_classes, truncation_grid
from tasks.evaluation.neighbours import read_neighbours
from tasks.evaluation.outcome import EvaluateOutcome
from tasks.evaluation.stage import SCORE_PREFIX, ScoredModel, UnusableChampion, pairs_artifact
from tasks.home import home
from tasks.registry.costs import read_cost
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.promotion import Verdict, nets_used
from tasks.registry.versions import find_champion
from tasks.reports.report import ChampionSummary, ClassifierSummary, DatasetSummary, ReportData, render_report
from tasks.tracking.model_ref import uri_of
from tasks.tracking.outages import RETRIES, RETRY_DELAYS, should_retry
from tasks.tracking.runs import connect, read_artifact
from tasks.tracking.tags import VersionTags, short_tags
from tasks.trainer.pictures import SPLIT

MAX_SNAPSHOTS = 12


@task(
    task_run_name="report-{challenger.name}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=should_retry,
)
def publish_report(
    challenger: ScoredModel, champion: ScoredModel | UnusableChampion | None, verdict: Verdict, config: EvalConfig
) -> EvaluateOutcome:
    """Write the report under the home, and log it to the MLflow run."""
    client = connect(home())
    version = client.get_model_version(challenger.name, challenger.version)
    path = home().reports / f"{challenger.name}-{challenger.version}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, render_report(gather(client, version, challenger, champion, verdict, config)))
    client.log_artifact(str(version.run_id), str(path), "report")
    return EvaluateOutcome(
        model=challenger.uri,
        scores=challenger.scores.values,
        protocol=challenger.scores.protocol,
        promoted=verdict.promoted,
        waiting=verdict.waiting,
        why=verdict.why,
        champion=_champion_uri(client, challenger.name),
        report=str(path),
    )


def gather(
    client: MlflowClient,
    version: ModelVersion,
    challenger: ScoredModel,
    champion: ScoredModel | UnusableChampion | None,
    verdict: Verdict,
    config: EvalConfig,
) -> ReportData:
    """Collect what the report shows. It comes from MLflow and the dataset only, so any machine can write it."""
    dataset = Dataset.open(VersionTags.of(version, "manifest").manifest)
    protocol = challenger.scores.protocol
    generator = LoadedGenerator.load(version)
    num_classes, classes = generator.num_classes, shown_classes(dataset, generator)
    columns, _ = grid_labels(num_classes, classes=classes)
    run = client.get_run(str(version.run_id))
    return ReportData(
        model=challenger.name,
        version=challenger.version,
        promoted=verdict.promoted,
        why=verdict.why,
        scores=challenger.scores.values,
        protocol=protocol.model_dump(),
        protocol_digest=protocol.digest(),
        generated=class_grid(generator, config.seed, classes),
        real=_real_grid(dataset, num_classes, classes),
        columns=[generator.labels[number] for number in (classes or range(num_classes))[:columns]],
        num_columns=columns,
        neighbours=read_neighbours(client, str(version.run_id), dataset, protocol),
        intervals=challenger.scores.intervals,
        real_scores=challenger.scores.real,
        judges=_judges(protocol, version),
        by_class=challenger.scores.by_class,
        by_class_intervals=challenger.scores.by_class_intervals,
        pairs=read_artifact(client, str(version.run_id), pairs_artifact(protocol)),
        truncation=truncation_grid(generator, config.seed),
        interpolation=interpolation_grid(generator, config.seed),
        classifier=_classifier_summary(version),
        champion=_champion_summary(champion),
        dataset=_dataset_summary(dataset.manifest),
        stats=metric_history(client, str(version.run_id)),
        snapshots=_snapshots(client, str(version.run_id)),
        lineage=_lineage(version),
        cost=[(f"{name[:1].upper()}{name[1:]}", value) for name, value in read_cost(version).facts()],
        config=run.data.params,
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _real_grid(dataset: Dataset, num_classes: int, classes: list[int]) -> bytes:
    split = dataset.open_split(SPLIT, USUAL_VAL)
    return real_grid(split.images, split.labels, num_classes, classes)


def _champion_summary(champion: ScoredModel | UnusableChampion | None) -> ChampionSummary | None:
    if not isinstance(champion, ScoredModel):
        return None  # the verdict says why it cannot be used
    scores = champion.scores
    return ChampionSummary(champion.version, scores.values, scores.protocol.digest(), scores.intervals)


def _judges(protocol: Protocol, version: ModelVersion) -> str:
    """Say which feature nets gave the scores, and which of them the training used."""
    said = f"The feature net is {protocol.feature_net}."
    if protocol.second_net:
        said = (
            f"Two feature nets judge the same images: {protocol.feature_net}, and {protocol.second_net}, whose scores "
            f"have {label_of(protocol.second_net)} in their names."
        )
    nets = nets_used(version)
    used = [f"{net} ({use})" for net, use in nets.items() if net in (protocol.feature_net, protocol.second_net)]
    if used:
        said += (
            f" The training used {' and '.join(used)}. Such scores are too good, and by default they decide nothing."
        )
    return said


def _classifier_summary(version: ModelVersion) -> ClassifierSummary | None:
    table = find_gain(version)
    return ClassifierSummary(*describe_gain(table)) if table else None


def _dataset_summary(manifest: Manifest) -> DatasetSummary:
    counts = manifest.counts
    return DatasetSummary(
        name=manifest.dataset,
        version=manifest.version,
        seen=counts.seen,
        kept=counts.kept,
        duplicates=counts.duplicates,
        quarantined=counts.quarantined,
        reasons=counts.reasons,
        classes=manifest.histogram("train"),
        splits={split: manifest.num_samples(split) for split in ("train", "val")},
    )


def metric_history(client: MlflowClient, run_id: str) -> list[dict[str, float]]:
    """Return the training's ticks from MLflow, one row for each `nimg`, without scores."""
    rows: dict[int, dict[str, float]] = {}
    for name in client.get_run(run_id).data.metrics:
        if not name.startswith(SCORE_PREFIX):
            for point in client.get_metric_history(run_id, name):
                rows.setdefault(point.step, {"nimg": point.step})[name] = point.value
    return [rows[nimg] for nimg in sorted(rows)]


def _snapshots(client: MlflowClient, run_id: str) -> list[tuple[int, bytes]]:
    """Return sample grids of the training, at most MAX_SNAPSHOTS, spread evenly over it."""
    paths = sorted(item.path for item in client.list_artifacts(run_id, "samples") if Path(item.path).stem.isdigit())
    chosen = sorted({round(i) for i in np.linspace(0, len(paths) - 1, min(MAX_SNAPSHOTS, len(paths)))})
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(client.download_artifacts(run_id, paths[i], folder)) for i in chosen]
        return [(int(file.stem), file.read_bytes()) for file in files]


def _lineage(version: ModelVersion) -> dict[str, str]:
    tags = short_tags(version)
    shown = ("dataset", "dataset_version", "manifest", "run", "commit", "weights_sha256")
    lineage = {name.replace("_", " ").capitalize(): tags[name] for name in shown if name in tags}
    if parents := VersionTags.of(version).read_parents():
        lineage["Blend"] = (
            f"{', '.join(one.describe() for one in parents)}. Scores, memorised and the nearest training images "
            f"compare with {parents[0].dataset} alone."
        )
    return lineage | {"MLflow run": str(version.run_id), "MLflow model": str(version.source)}


def _champion_uri(client: MlflowClient, name: str) -> str | None:
    champion = find_champion(client, name)
    return uri_of(champion) if champion else None
