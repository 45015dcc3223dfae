"""The study's page: one HTML file that needs nothing beside itself, in the look of the evaluation report.

This module knows neither Prefect nor MLflow: what it shows comes in as `StudyResults` and plain values.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress, pairwise
from typing import Any, NamedTuple

from tasks.reports.charts import Tick
from tasks.reports.report import flatten_config, page_environment
from tasks.study.record import slug
from tasks.study.results import CodecResult, Distance, StudyResults, advise, codec_name
from tasks.study.tables import choice_tables, codec_table

WIDTH, HEIGHT = 320.0, 200.0
LABEL_HEIGHT, LETTER_WIDTH, MARGIN = 12.0, 6.0, 24.0


class Mark(NamedTuple):
    """One codec in a chart: its point, the ends of its interval, its name and where that stands."""

    x: float
    y: float
    low: float
    high: float
    name: str
    label_x: float
    label_y: float
    anchor: str
    is_jpeg: bool


class RateChart(NamedTuple):
    """Bytes an image, in powers of two, against a distance."""

    title: str
    note: str
    marks: list[Mark]
    curve: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]


class Grid(NamedTuple):
    """A codec's real and generated images."""

    name: str
    note: str
    real: bytes
    generated: bytes


def render_study(results: StudyResults, config: Mapping[str, Any], lineage: Mapping[str, str], created: str) -> str:
    """Give the study as one HTML page: styles, charts and pictures inside it, no script, no request."""
    return (
        page_environment()
        .get_template("study.html.j2")
        .render(
            results=results,
            advice=advise(results),
            warning=results.source.warning(),
            charts=list(draw_rates(results)),
            codecs=codec_table(results),
            grids=list(_grids(results)),
            choices=choice_tables(results),
            failures=[f"{codec.name}: {reason}" for codec in results.codecs for reason in codec.failures],
            protocols=list(_protocols(results)),
            lineage=list(lineage.items()),
            config=list(flatten_config(config)),
            created=created,
            plot=(WIDTH, HEIGHT),
        )
    )


# Charts


def draw_rates(results: StudyResults) -> Iterator[RateChart]:
    """Give the codec alone, and the generators where any were trained."""
    alone = [(codec, results.alone(codec)) for codec in results.codecs]
    yield _chart("Codec alone", "real training images in the codec, against clean val images", alone)
    for title, note, measure in (
        ("Trained on it", "generators' images as they are", results.trained),
        ("Trained on it, saved with it", "the same images, saved with the codec", results.saved),
    ):
        points = [(codec, distance) for codec in results.codecs if (distance := measure(codec)) is not None]
        if len(points) > 1:
            yield _chart(title, note, points)


def _chart(title: str, note: str, points: Sequence[tuple[CodecResult, Distance]]) -> RateChart:
    sizes = [math.log2(codec.variant.bytes_per_image) for codec, _ in points]
    first, last = math.floor(min(sizes) * 2) / 2, math.ceil(max(sizes) * 2) / 2
    last = max(last, first + 1)
    y_ticks = _round_steps(0, max(distance.high for _, distance in points))
    top = y_ticks[-1]

    def x_at(bits: float) -> float:
        return round(WIDTH * (bits - first) / (last - first), 1)

    def y_at(value: float) -> float:
        return round(HEIGHT * (1 - value / top), 1)

    spots = [
        Spot(x_at(bits), y_at(d.value), y_at(d.low), y_at(d.high), codec.name)
        for bits, (codec, d) in zip(sizes, points, strict=True)
    ]
    are_jpegs = [codec.variant.codec.startswith("jpeg:") for codec, _ in points]
    labels = place_labels(spots, list(compress(spots, are_jpegs)))
    marks = [
        Mark(*spot, *label, is_jpeg=is_jpeg) for spot, label, is_jpeg in zip(spots, labels, are_jpegs, strict=True)
    ]
    curve = " ".join(f"{mark.x},{mark.y}" for mark in sorted(marks) if mark.is_jpeg)
    powers = list(range(math.ceil(first), math.floor(last) + 1)) or [round(first)]
    x_ticks = [Tick(x_at(power), f"{2.0**power:,.0f}") for power in powers]
    return RateChart(title, note, marks, curve, x_ticks, [Tick(y_at(y), f"{y:g}") for y in y_ticks])


class Spot(NamedTuple):
    """Where a codec's point and the ends of its interval lie, and its name."""

    x: float
    y: float
    low: float
    high: float
    name: str


def place_labels(spots: Sequence[Spot], joined: Sequence[Spot] = ()) -> list[tuple[float, float, str]]:
    """Where each name stands, (x, y, anchor): beside its point, clear of points, intervals, names and the curve.

    `joined` are the points that the curve joins. Where no place is clear, it is the one that covers least.
    """
    taken = [Box(spot.x - 4, spot.high - 3, spot.x + 4, spot.low + 3) for spot in spots]
    # Above, below and right of the chart.
    taken += [Box(-WIDTH, -HEIGHT, 2 * WIDTH, -8), Box(-WIDTH, HEIGHT, 2 * WIDTH, 2 * HEIGHT)]
    taken.append(Box(WIDTH + 14, -HEIGHT, 2 * WIDTH, 2 * HEIGHT))
    taken += [Box(x - 1, y - 1, x + 1, y + 1) for x, y in _along(sorted(joined))]
    placed = []
    for spot in spots:
        boxes = {at: _label_box(spot.name, at) for at in _label_options(spot)}
        chosen = min(boxes, key=lambda at: sum(boxes[at].shared_area(box) for box in taken))
        taken.append(boxes[chosen])
        placed.append(chosen)
    return placed


def _along(joined: Sequence[Spot], steps: int = 20) -> Iterator[tuple[float, float]]:
    """Points on the lines from each to the next."""
    for one, other in pairwise(joined):
        for step in range(steps):
            yield one.x + (other.x - one.x) * step / steps, one.y + (other.y - one.y) * step / steps


def _label_options(spot: Spot) -> Iterator[tuple[float, float, str]]:
    """Above, below, right, left, and then ever farther away."""
    side = "start" if spot.x < MARGIN else "end" if spot.x > WIDTH - MARGIN else "middle"
    for step in range(4):
        away = LABEL_HEIGHT * step
        yield from ((spot.x, spot.high - 6 - away, side), (spot.x, spot.low + 14 + away, side))
        for y in (spot.y + 3.5 - away, spot.y + 3.5 + away):
            yield from ((spot.x + 7, y, "start"), (spot.x - 7, y, "end"))


class Box(NamedTuple):
    """What a label or a mark covers."""

    left: float
    top: float
    right: float
    bottom: float

    def shared_area(self, other: "Box") -> float:
        """How much of the two overlaps."""
        across = min(self.right, other.right) - max(self.left, other.left)
        return max(across, 0.0) * max(min(self.bottom, other.bottom) - max(self.top, other.top), 0.0)


def _label_box(name: str, at: tuple[float, float, str]) -> Box:
    x, y, anchor = at
    width = LETTER_WIDTH * len(name)
    left = {"start": x, "middle": x - width / 2, "end": x - width}[anchor]
    return Box(left, y - LABEL_HEIGHT + 2, left + width, y + 2)


def _round_steps(low: float, high: float, steps: int = 4) -> list[float]:
    power = 10 ** math.floor(math.log10((high - low or 1.0) / steps))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * steps >= high - low)
    return [round(low + i * step, 10) for i in range(math.ceil((high - low) / step) + 1)]


# Grids and protocols


def _grids(results: StudyResults) -> Iterator[Grid]:
    for codec in results.codecs:
        note = f"{codec.variant.bytes_per_image:,.0f} bytes an image, {100 * results.share(codec):.0f}%"
        if codec.trained_as != codec.variant.codec:
            note += f"; the same pixels as {codec_name(codec.trained_as)}, so the same training"
        seed = codec.generators[0].seed if codec.generators else 0
        generated = results.pictures.get(f"generated-{slug(codec.variant.codec)}-seed-{seed}", b"")
        real = results.pictures.get(f"real-{slug(codec.variant.codec)}", b"")
        yield Grid(codec.name, note, real, generated)


def _protocols(results: StudyResults) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    clean = results.clean
    shown = [("Codec alone", clean.scores.imitation), ("Re-encoded val", clean.scores.re_encoded)]
    if clean.generators:
        shown.append(("Trained on it", clean.generators[0].generated))
    for title, scores in shown:
        protocol = scores.protocol
        yield (
            title,
            [
                ("Feature net", f"{protocol.feature_net} at {protocol.input_size} pixels"),
                ("Images", f"{protocol.num_generated:,} ({protocol.generator_state})"),
                ("Against", f"{protocol.num_reference:,} {protocol.split} images, clean"),
                ("Seed", str(protocol.seed)),
                ("Digest", protocol.digest()),
            ],
        )
