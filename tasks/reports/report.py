"""The evaluation report: one HTML page without other files, to read and to keep.

This module knows neither Prefect nor MLflow: it gets `ReportData`. It orders the values and turns them into text; the
page itself is report.html.j2.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.metrics.directions import higher_is_better, same_score
from tasks.reports.charts import draw_charts, in_words, short_count
from tasks.reports.data import ChampionSummary, ClassifierSummary, DatasetSummary, Neighbour, ReportData
from tasks.reports.pictures import MAX_BYTES, describe_picture, fit_pictures, fit_thumbnails, narrow

__all__ = [
    "ChampionSummary",
    "ClassifierSummary",
    "DatasetSummary",
    "Neighbour",
    "ReportData",
    "flatten_config",
    "page_environment",
    "render_report",
    "score_text",
]

MAX_SNAPSHOTS = 12
SNAPSHOT_WIDTH = 352  # pixels: twice the width at which a snapshot is shown
NEIGHBOUR_MARKUP = 350  # bytes of the page around a neighbour's picture
PICTURES = ("generated", "real", "pairs", "truncation", "interpolation")
MAX_CLASSES = 30


class ScoreRow(NamedTuple):
    """A score beside the champion's; `better` is None where the two are equal or must not be compared."""

    name: str
    value: str
    champion: str
    change: str
    better: bool | None
    meaning: str
    interval: str
    champion_interval: str = ""
    real: str = ""


class ClassRow(NamedTuple):
    """A class's distance, its interval, and the distance in percent of the largest one."""

    name: str
    value: str
    interval: str
    share: float


def render_report(data: ReportData) -> str:
    """Give the report as one HTML page: styles, charts and pictures inside it, no script, no request."""
    data = _fitted(data)
    return (
        page_environment()
        .get_template("report.html.j2")
        .render(
            data=data,
            comparable=data.champion is not None and data.champion.protocol_digest == data.protocol_digest,
            scores=_score_rows(data),
            by_class=_class_rows(data),
            charts=draw_charts(data.stats),
            real_words=_real_words(data) if data.real_scores else "",
            cells=list(_cells(data)),
            heads=[(name, len(list(same))) for name, same in groupby(data.columns)],
            snapshots=data.snapshots,
            dataset=list(_dataset_facts(data.dataset)) if data.dataset else [],
            protocol=list(_protocol_facts(data.protocol)),
            classes=_class_bars(data.dataset.classes if data.dataset else {}),
            config=list(flatten_config(data.config)),
        )
    )


def _fitted(data: ReportData) -> ReportData:
    """The same data with at most MAX_SNAPSHOTS snapshots, and all pictures small enough for one page."""
    snapshots = [(nimg, narrow(png, SNAPSHOT_WIDTH)) for nimg, png in _spread(data.snapshots, MAX_SNAPSHOTS)]
    thumbnails = iter(fit_thumbnails([near.image for cell in data.neighbours for near in cell]))
    neighbours = [[near._replace(image=next(thumbnails)) for near in cell] for cell in data.neighbours]
    taken = sum(len(near.image) + NEIGHBOUR_MARKUP for cell in neighbours for near in cell)
    pictures = [*(getattr(data, name) for name in PICTURES), *(png for _, png in snapshots)]
    fitted = fit_pictures(pictures, MAX_BYTES - taken)
    shown = [(nimg, png) for (nimg, _), png in zip(snapshots, fitted[len(PICTURES) :], strict=True)]
    named: dict[str, Any] = dict(zip(PICTURES, fitted[: len(PICTURES)], strict=True))
    return replace(data, snapshots=shown, neighbours=neighbours, **named)


def page_environment(*folders: Path) -> Environment:
    """The environment that renders pages: filters for pictures and counts, and the templates beside this file.

    `folders` hold further templates.
    """
    environment = Environment(
        loader=FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "describe_picture": describe_picture,
        "count": _count,
        "short_count": short_count,
    }
    return environment


# Scores

MEANINGS = {
    "FD": "Fréchet distance: the distance in mean and spread between features of generated images and "
    "of real images kept out of training. 0 means equal. More images give a lower number.",
    "FID": "Fréchet Inception distance: the Fréchet distance in the features that the literature uses. 0 is equal; "
    "more images give a lower number.",
    "KID": "Kernel Inception distance: compares the same features; does not depend on the number of images. "
    "Real images kept out of training score about 0.",
    "KD": "Kernel distance: compares the same features without assuming a normal distribution; does not depend on the "
    "number of images. Real images kept out of training score about 0.",
    "std": "Spread of the kernel distance from one random subset to the next. Differences smaller than this "
    "mean little.",
    "precision": "Share of generated images that lie among the real ones. Higher is better.",
    "recall": "Share of real images that lie among the generated ones. Higher is better.",
    "density": "How many real images lie around a generated one, about 1 for real against real. Higher is better.",
    "coverage": "Share of real images that have a generated image near by. Higher is better. It is low if classes or "
    "kinds of images are never generated.",
    "classifier": "How surely a classifier of the dataset tells the generated images' classes, and how evenly they are "
    "spread: 1 to the number of classes. Higher is better.",
    "classifier-gain": "Accuracy that generated images add to a small classifier trained on a tenth of the real ones: "
    "0.02 is two points. Higher is better.",
    "memorised": "Share of generated images closer to a training image than 95% of real images kept out of training "
    "are. About 0.05 where nothing was copied.",
}


def _score_rows(data: ReportData) -> list[ScoreRow]:
    rows = [_score_row(name, value, data) for name, value in data.scores.items()]
    return [
        row._replace(real=score_text(data.real_scores[row.name])) if row.name in data.real_scores else row
        for row in rows
    ]


def _real_words(data: ReportData) -> str:
    """Say what the column of real images is."""
    generated, trained = int(data.protocol.get("num_generated", 0)), int(data.protocol.get("num_train", 0))
    words = f"Real images: what {_count(min(generated, trained))} training images score in place of generated ones"
    fewer = (
        ". They are fewer than the generated ones, which makes their distances larger" if trained < generated else ""
    )
    return f"{words}{fewer}."


def _score_row(name: str, value: float, data: ReportData) -> ScoreRow:
    is_spread = name.endswith("-std")
    meaning = MEANINGS.get("std" if is_spread else name if name in MEANINGS else name.split("-")[0], "")
    interval = _interval(data.intervals.get(name))
    champion = data.champion.scores.get(name) if data.champion else None
    if data.champion is None or champion is None:
        return ScoreRow(name, score_text(value), "", "", None, meaning, interval)
    theirs = _interval(data.champion.intervals.get(name))
    if is_spread or data.champion.protocol_digest != data.protocol_digest or same_score(champion, value):
        return ScoreRow(name, score_text(value), score_text(champion), "", None, meaning, interval, theirs)
    change = f"{'−' if value < champion else '+'}{score_text(abs(value - champion))}"
    better = (value > champion) == higher_is_better(name)
    return ScoreRow(name, score_text(value), score_text(champion), change, better, meaning, interval, theirs)


def score_text(value: float) -> str:
    """A score in four digits."""
    text = f"{value:#.4g}" if abs(value) >= 1e-4 else f"{value:.1e}" if value else "0"
    return text.rstrip(".").replace("-", "−")


def _class_rows(data: ReportData) -> list[ClassRow]:
    """The classes with their distances, the furthest first."""
    largest = max(data.by_class.values(), default=0) or 1
    return [
        ClassRow(name, score_text(value), _interval(data.by_class_intervals.get(name)), 100 * value / largest)
        for name, value in sorted(data.by_class.items(), key=lambda item: -item[1])
    ]


def _interval(ends: tuple[float, float] | None) -> str:
    return " to ".join(map(score_text, ends)) if ends else ""


class Cell(NamedTuple):
    """An image in the grid of generated ones: its name in words, and its nearest training images."""

    name: str
    neighbours: Sequence[Neighbour]


def _cells(data: ReportData) -> Iterator[Cell]:
    for place, neighbours in enumerate(data.neighbours):
        row, column = divmod(place, data.num_columns)
        of_class = f", class {data.columns[column]}" if data.columns else ""
        yield Cell(f"generated image in row {row + 1}, column {column + 1}{of_class}", neighbours)


# The rest, put into words

PROTOCOL_WORDS = {
    "weights_sha256": "Its weights' sha256",
    "input_size": "Its input size",
    "num_generated": "Generated images",
    "num_reference": "Real images",
    "num_train": "Training images",
    "classifier_gain": "Classifier gain's settings",
    "second_net": "Second feature net",
    "second_weights_sha256": "Sha256 of the second net's weights",
    "second_input_size": "Input size of the second net",
}


def _protocol_facts(protocol: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and value of each field, without those that are empty because nothing of their kind was measured."""
    for name, value in protocol.items():
        if value != "":
            yield PROTOCOL_WORDS.get(name, in_words(name)), str(value)


def _dataset_facts(dataset: DatasetSummary) -> Iterator[tuple[str, str]]:
    yield from [("Name", dataset.name), ("Version", dataset.version), ("Images seen", _count(dataset.seen))]
    splits = ", ".join(f"{_count(n)} {split}" for split, n in dataset.splits.items())
    yield "Kept", f"{_count(dataset.kept)} ({splits})" if splits else _count(dataset.kept)
    yield "Duplicates", _count(dataset.duplicates)
    reasons = ", ".join(f"{_count(n)} {code.replace('_', ' ')}" for code, n in dataset.reasons.items())
    yield "Quarantined", f"{_count(dataset.quarantined)}: {reasons}" if reasons else _count(dataset.quarantined)


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _spread(items: Sequence[Any], at_most: int) -> list[Any]:
    """Pick evenly spaced items, the first and the last among them."""
    if len(items) <= at_most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (at_most - 1))] for i in range(at_most)]


def _class_bars(classes: Mapping[str, int]) -> list[tuple[str, int, float]]:
    """Give (class, number of images, share of the largest class in percent)."""
    largest = max(classes.values(), default=0) or 1
    return [(name, n, 100 * n / largest) for name, n in list(classes.items())[:MAX_CLASSES]]


def flatten_config(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every setting by its dotted name, as text."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from flatten_config(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
