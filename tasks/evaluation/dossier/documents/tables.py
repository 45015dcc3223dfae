"""Rows that the model card, the ML-BOM and the page have in common."""

from collections.abc import Iterator
from typing import NamedTuple

from models.metrics.directions import higher_is_better
from models.metrics.evaluation import Scores
from tasks.evaluation.dossier.facts import DossierFacts
from tasks.tracking.inventory.words import score_words, sides_words, size_words

Pair = tuple[str, str]


class ScoreLine(NamedTuple):
    """One score in words. `floor` is the limit that a usable generator clears; empty where there is none."""

    name: str
    judge: str
    value: str
    interval: str
    floor: str
    better: str


def score_lines(scores: Scores) -> list[ScoreLine]:
    """Return all scores under one protocol, without the spread of the kernel distance from subset to subset."""
    return [_line(name, value, scores) for name, value in scores.values.items() if not name.endswith("-std")]


def _line(name: str, value: float, scores: Scores) -> ScoreLine:
    interval, floor = scores.intervals.get(name), scores.baselines.get(name)
    higher = higher_is_better(name)
    return ScoreLine(
        name=name,
        judge=scores.net_of(name) or "a classifier",
        value=score_words(value),
        interval=f"{score_words(interval[0])} to {score_words(interval[1])}" if interval else "",
        floor="" if floor is None else f"{'above' if higher else 'below'} {score_words(floor)}",
        better="higher" if higher else "lower",
    )


def protocol_lines(scores: Scores) -> list[Pair]:
    """Return everything that the scores depend on besides the generator."""
    return [(name.replace("_", " "), str(value)) for name, value in scores.protocol.model_dump().items() if value != ""]


def model_lines(facts: DossierFacts) -> Iterator[Pair]:
    """What the model is."""
    yield "version", facts.uri
    yield "aliases when this was written", ", ".join(facts.aliases) or "none"
    yield "registered", f"{facts.registered:%Y-%m-%d %H:%M} UTC"
    arguments = facts.arguments
    if arguments:
        yield "network", f"family {facts.spec.get('family', 'unknown')}, {arguments.get('latent_dim')} latent numbers"
        colour = "grey" if arguments.get("channels") == 1 else "colour"
        yield "images", f"{sides_words(arguments)} pixels, {colour}"
        yield "classes", ", ".join(facts.labels[: arguments.get("num_classes", 0)]) or "none can be asked for"
    if facts.tags.nimg:
        yield "images seen by these weights", f"{facts.tags.nimg:,} (the whole training saw {facts.tags.nimg_seen:,})"
    if facts.tags.chosen:
        yield "why this checkpoint", facts.tags.chosen
    if facts.config:
        yield "started from", facts.config.train.init or "new weights"
    if facts.tags.cost_words:
        yield "cost", facts.tags.cost_words
    if facts.files:
        yield "files", f"{len(facts.files)}, {size_words(facts.size)}"
    yield "licence of the weights", facts.licence or "not stated by the owner"


def data_lines(facts: DossierFacts) -> Iterator[Pair]:
    """What the model learned from."""
    yield "dataset", facts.dataset or "unknown"
    manifest = facts.manifest
    if manifest is None:
        return
    for split, count in manifest.num_samples_by_split.items():
        yield f"images to {'train' if split == 'train' else 'validate'} with", f"{count:,}"
    counts = manifest.counts
    left_out = f"{counts.duplicates:,} duplicates left out, {counts.quarantined:,} in quarantine"
    yield "files in the source", f"{counts.seen:,}: {counts.kept:,} kept, {left_out}"
    yield "classes", f"{len(manifest.labels)}: {', '.join(manifest.labels)}" if manifest.labels else "none"
    size = f"{manifest.sides} pixels"
    yield "stored as", f"{manifest.settings.get('encoding', 'unknown')}, {size}"
    yield "made by a model", manifest.generated_by or "no"
    yield "files that say they were generated", f"{manifest.marked_generated:,}"


def decision_lines(facts: DossierFacts) -> Iterator[Pair]:
    """What was decided about the version."""
    if facts.tags.at:
        yield "decision", "promoted to champion" if facts.tags.promoted else "not promoted"
        yield "reason", facts.tags.why
        yield "decided", facts.tags.at
        if facts.tags.approval_by:
            yield f"{facts.tags.approval} by", f"{facts.tags.approval_by}: {facts.tags.approval_reason or 'no reason'}"
        if facts.tags.replaced:
            yield "champion before it", f"models:/{facts.name}/{facts.tags.replaced}"
