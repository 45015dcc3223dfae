"""What a person reads at the end of a run."""

from pathlib import Path

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape

from flows.pipeline import PipelineOutcome
from flows.service import ServiceOutcome, SetUpOutcome
from tasks.datasets.generation import GenerateOutcome
from tasks.datasets.screening import ScreenOutcome
from tasks.datasets.sharding import BuildOutcome
from tasks.evaluation.stage import EvaluateOutcome
from tasks.home import home
from tasks.registry.audit import LineageOutcome
from tasks.registry.signing import SignOutcome
from tasks.registry.succession import SuccessionOutcome
from tasks.reports.printable import for_terminal
from tasks.service.doctor import DoctorOutcome
from tasks.study.publishing import StudyOutcome
from tasks.tracking.links import how_to_open_mlflow
from tasks.training.stage import TrainOutcome

Rows = list[tuple[str, str]]


def print_summary(outcome: BaseModel) -> None:
    """Print the outcome of a flow: what came of it and where it is, one line each, never folded."""
    console = Console(soft_wrap=True, highlight=False)
    console.print()
    for name, value in summarise(outcome):
        console.print(f"[bold]{name:<14}[/] {escape(for_terminal(value))}")


def summarise(outcome: BaseModel) -> Rows:
    """Rows of (what, value)."""
    if isinstance(outcome, PipelineOutcome):
        return [*_build(outcome.build), *_train(outcome.train), *_evaluate(outcome.evaluate)]
    if isinstance(outcome, BuildOutcome):
        return _build(outcome)
    if isinstance(outcome, TrainOutcome):
        return _train(outcome)
    if isinstance(outcome, EvaluateOutcome):
        return _evaluate(outcome)
    if isinstance(outcome, SuccessionOutcome):
        return [("champion", outcome.champion), ("before", outcome.before or "none"), ("why", outcome.why)]
    if isinstance(outcome, GenerateOutcome):
        return _generate(outcome)
    if isinstance(outcome, ScreenOutcome):
        return _screen(outcome)
    if isinstance(outcome, StudyOutcome):
        return _study(outcome)
    if isinstance(outcome, SignOutcome):
        signer = outcome.signed_by or "nobody: SHARDGAN_SIGNING_KEY names no key"
        return [("model", outcome.model), ("files", f"sha256 {outcome.files_sha256}"), ("signed by", signer)]
    if isinstance(outcome, LineageOutcome):
        return _lineage(outcome)
    if isinstance(outcome, SetUpOutcome):
        return [("Prefect UI", outcome.prefect), ("MLflow UI", outcome.mlflow)]
    if isinstance(outcome, DoctorOutcome):
        return _doctor(outcome)
    if isinstance(outcome, ServiceOutcome):
        return [("stopped", "all processes have ended"), ("start again", "shardgan up")]
    raise TypeError(f"no summary for {type(outcome).__name__}")


def _build(built: BuildOutcome) -> Rows:
    reasons = ", ".join(f"{count} {code}" for code, count in built.reasons.items())
    quarantined = f"{built.quarantined} quarantined" + (f" ({reasons})" if reasons else "")
    counts = f"{built.seen:,} files seen: {built.kept:,} kept, {built.duplicates:,} duplicates, {quarantined}"
    return [
        (
            "dataset",
            f"{built.dataset}@{built.version}" + (" (already there: nothing was read)" if built.reused else ""),
        ),
        ("images", counts),
        *(("note", note) for note in built.notes),
        ("shards", built.manifest.rpartition("/")[0]),
    ]


def _screen(screened: ScreenOutcome) -> Rows:
    reasons = ", ".join(f"{count} {code}" for code, count in screened.reasons.items())
    quarantined = f"{screened.quarantined} quarantined" + (f" ({reasons})" if reasons else "")
    allowed = f", {screened.allowed} of them by the allow-list" if screened.allowed else ""
    counts = f"{screened.seen:,} files seen: {screened.passed:,} passed{allowed}, {screened.duplicates:,} duplicates"
    return [
        ("shield", f"{screened.model}, sha256 {screened.shield_sha256}"),
        ("images", f"{counts}, {quarantined}"),
        ("suspects", screened.sheet),
        ("their sha256", screened.suspects),
        ("verdicts", f"{screened.verdicts}  (build with shard.screen=...)"),
    ]


def _generate(made: GenerateOutcome) -> Rows:
    there = " (already there: nothing was generated)" if made.reused else ""
    return [
        ("model", f"{made.model}, weights sha256 {made.weights_sha256}"),
        ("dataset", f"{made.dataset}@{made.version}{there}"),
        ("images", f"{made.seen:,} generated: {made.kept:,} kept, {made.duplicates:,} duplicates"),
        ("shards", made.manifest.rpartition("/")[0]),
    ]


def _study(study: StudyOutcome) -> Rows:
    rows = [("distances", f"{study.distance} to clean val images: codec alone, trained on it, also saved with it")]
    for row in study.codecs:
        values = ", ".join("–" if value is None else f"{value:.4g}" for value in (row.alone, row.trained, row.saved))
        rows.append((row.codec, f"{row.bytes_per_image:,.0f} bytes an image: {values}"))
    rows += [("failed", failure) for failure in study.failures]
    return [*rows, ("advice", study.advice), ("report", study.report), ("MLflow UI", how_to_open_mlflow(home()))]


def _lineage(traced: LineageOutcome) -> Rows:
    rows = []
    for link in traced.links:
        rows.append((link.what, link.value))
        rows += [("", f"WRONG: {problem}") for problem in link.problems]
    return [*rows, ("lineage", "whole: every hash is as recorded" if traced.whole else "broken")]


def _doctor(outcome: DoctorOutcome) -> Rows:
    rows = []
    for finding in outcome.findings:
        rows.append(
            (finding.what, f"{'' if finding.verdict == 'ok' else finding.verdict.upper() + ': '}{finding.found}")
        )
        rows += [("", f"-> {finding.mend}")] if finding.mend else []
    return [*rows, ("verdict", "ready" if outcome.sound else "something is wrong: see above")]


def _train(trained: TrainOutcome) -> Rows:
    grids = sorted(Path(trained.run_dir, "samples").glob("[0-9]*.png"))
    return [
        ("run", f"{trained.run}, {trained.nimg:,} images seen"),
        ("run directory", trained.run_dir),
        ("sample grid", str(grids[-1]) if grids else "none"),
        ("model", f"{trained.model.name} version {trained.model.version}"),
        ("MLflow UI", how_to_open_mlflow(home())),
    ]


def _evaluate(evaluated: EvaluateOutcome) -> Rows:
    scores = ", ".join(f"{name} {value:.4g}" for name, value in evaluated.scores.items())
    protocol = evaluated.protocol
    return [
        ("scores", f"{scores}"),
        (
            "protocol",
            f"{protocol.num_generated:,} generated against {protocol.num_reference:,} {protocol.split} images at "
            f"{protocol.input_size} pixels, seed {protocol.seed} ({protocol.digest()})",
        ),
        ("promoted", f"{'yes' if evaluated.promoted else 'no'}: {evaluated.why}"),
        ("champion", evaluated.champion or "none yet"),
        ("report", evaluated.report),
    ]
