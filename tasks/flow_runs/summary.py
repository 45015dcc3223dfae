"""The summary that each flow leaves in Prefect's UI: what came of it, where it is, and where it comes from."""

from collections.abc import Iterator
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from shards import BuildOutcome
from tasks.datasets.generation import GenerateOutcome
from tasks.evaluation.stage import EvaluateOutcome
from tasks.flow_runs.artifacts import Rows, in_run, show_summary, table
from tasks.home import home
from tasks.registry.versions import resolve_version
from tasks.reports.printable import for_markdown
from tasks.tracking.links import how_to_open_mlflow, link_run, link_version, mlflow_url
from tasks.tracking.runs import connect
from tasks.tracking.tags import short_tags
from tasks.training.stage import TrainOutcome

LINEAGE = ("dataset", "dataset_version", "manifest", "run", "chosen", "commit", "weights_sha256")


def summarise_build(built: BuildOutcome) -> None:
    """Show what became of the files."""
    show_summary(f"{built.dataset}@{built.version}: {built.kept:,} images", _facts(_build(built)))


def summarise_training(trained: TrainOutcome) -> None:
    """Show the run and the version that came of it."""
    if not in_run():
        return
    client = connect(home())
    version = resolve_version(client, trained.model.uri)
    title = f"{version.name} version {version.version}: trained"
    show_summary(title, _facts(_train(client, trained)), _lineage(version), _opening())


def summarise_evaluation(evaluated: EvaluateOutcome) -> None:
    """Show the scores, the verdict and the report."""
    if not in_run():
        return
    client = connect(home())
    version = resolve_version(client, evaluated.model)
    facts = _facts(_evaluate(client, version, evaluated))
    show_summary(
        _verdict(version, evaluated), _why(evaluated), facts, _scores(evaluated), _lineage(version), _opening()
    )


def summarise_pipeline(built: BuildOutcome, trained: TrainOutcome, evaluated: EvaluateOutcome) -> None:
    """Show all of it, from the files to the verdict."""
    if not in_run():
        return
    client = connect(home())
    version = resolve_version(client, evaluated.model)
    rows = [*_build(built), *_train(client, trained), *_evaluate(client, version, evaluated)[1:]]
    show_summary(
        _verdict(version, evaluated), _why(evaluated), _facts(rows), _scores(evaluated), _lineage(version), _opening()
    )


def summarise_generation(made: GenerateOutcome) -> None:
    """Show which model made which dataset version."""
    rows = [
        ("Model", f"`{made.model}`, weights sha256 `{made.weights_sha256}`"),
        ("Dataset", f"`{made.dataset}@{made.version}`{_already(made.reused)}"),
        ("Images", f"{made.seen:,} generated: {made.kept:,} kept, {made.duplicates:,} duplicates"),
        ("Manifest", f"`{made.manifest}`"),
    ]
    show_summary(f"{made.dataset}@{made.version}: {made.kept:,} generated images", _facts(rows))


def _facts(rows: Rows) -> str:
    return table(("what", "which"), rows)


def _build(built: BuildOutcome) -> list[tuple[str, str]]:
    reasons = ", ".join(f"{count:,} {code.replace('_', ' ')}" for code, count in built.reasons.items())
    quarantined = f"{built.quarantined:,} quarantined" + (f" ({reasons})" if reasons else "")
    counts = f"{built.seen:,} files seen: {built.kept:,} kept, {built.duplicates:,} duplicates, {quarantined}"
    return [
        ("Dataset", f"`{built.dataset}@{built.version}`{_already(built.reused)}"),
        ("Images", counts),
        *(("Note", for_markdown(note)) for note in built.notes),
        ("Manifest", f"`{built.manifest}`"),
    ]


def _train(client: MlflowClient, trained: TrainOutcome) -> list[tuple[str, str]]:
    run = link_run(home(), client, trained.mlflow_run_id, trained.run)
    grids = link_run(home(), client, trained.mlflow_run_id, "sample grids", "samples")
    return [
        ("Run", f"{run}, {trained.nimg:,} images seen; {grids}"),
        ("Run directory", f"`{trained.run_dir}`"),
        ("Model", link_version(home(), trained.model.name, trained.model.version)),
    ]


def _evaluate(client: MlflowClient, version: ModelVersion, evaluated: EvaluateOutcome) -> list[tuple[str, str]]:
    protocol = evaluated.protocol
    name = Path(evaluated.report).name
    report = link_run(home(), client, str(version.run_id), name, f"report/{name}")
    return [
        ("Model", link_version(home(), version.name, str(version.version))),
        ("Champion", f"`{evaluated.champion}`" if evaluated.champion else "none yet"),
        ("Report", f"{report}, also `{evaluated.report}`"),
        (
            "Protocol",
            f"{protocol.num_generated:,} generated against {protocol.num_reference:,} {protocol.split} images at "
            f"{protocol.input_size} pixels, seed {protocol.seed} (`{protocol.digest()}`)",
        ),
    ]


def _scores(evaluated: EvaluateOutcome) -> str:
    return "## Scores\n\n" + table(
        ("score", "value"), [(name, f"{value:.4g}") for name, value in evaluated.scores.items()]
    )


def _lineage(version: ModelVersion) -> str:
    return "## Where it comes from\n\n" + table(("what", "which"), _links_of(version))


def _links_of(version: ModelVersion) -> Iterator[tuple[str, str]]:
    for name in LINEAGE:
        if value := short_tags(version).get(name):
            yield name.replace("_", " ").capitalize(), f"`{value}`"


def _verdict(version: ModelVersion, evaluated: EvaluateOutcome) -> str:
    return f"{version.name} version {version.version}: {'champion' if evaluated.promoted else 'not promoted'}"


def _why(evaluated: EvaluateOutcome) -> str:
    return f"{for_markdown(evaluated.why[:1].upper() + evaluated.why[1:])}."


def _opening() -> str:
    return "" if mlflow_url(home()) else f"To see runs and versions: `{how_to_open_mlflow(home())}`"


def _already(reused: bool) -> str:
    return ", there already: nothing was made" if reused else ""
