"""The study's page: one HTML file that needs nothing beside itself, in the look of the evaluation report.

This module knows neither Prefect nor MLflow: what it shows comes in as `StudyResults` and plain values.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from models.scores import Interval
from tasks.charts import Tick
from tasks.report import flatten_config, page_environment, score_text
from tasks.study.record import slug
from tasks.study.results import CodecResult, Distance, StudyResults, advise, codec_name

WIDTH, HEIGHT = 320.0, 200.0
LABEL_HEIGHT = 12.0


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
        .get_template("study/study.html.j2")
        .render(
            results=results,
            advice=advise(results),
            warning=results.source.warning(),
            charts=list(draw_rates(results)),
            heads=_heads(results),
            rows=[_row(results, codec) for codec in results.codecs],
            grids=list(_grids(results)),
            groups=_choice_groups(results),
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
        (x_at(bits), y_at(d.value), y_at(d.low), y_at(d.high), codec)
        for bits, (codec, d) in zip(sizes, points, strict=True)
    ]
    labels = _place_labels([(x, high) for x, _, _, high, _ in spots])
    marks = [
        Mark(x, y, low, high, codec.name, *label, is_jpeg=codec.variant.codec.startswith("jpeg:"))
        for (x, y, low, high, codec), label in zip(spots, labels, strict=True)
    ]
    curve = " ".join(f"{mark.x},{mark.y}" for mark in sorted(marks) if mark.is_jpeg)
    powers = list(range(math.ceil(first), math.floor(last) + 1)) or [round(first)]
    x_ticks = [Tick(x_at(power), f"{2.0**power:,.0f}") for power in powers]
    return RateChart(title, note, marks, curve, x_ticks, [Tick(y_at(y), f"{y:g}") for y in y_ticks])


def _place_labels(spots: Sequence[tuple[float, float]]) -> list[tuple[float, float, str]]:
    """Where each name stands: above its interval, higher where another is in the way; (x, y, anchor)."""
    placed: list[tuple[float, float, str]] = []
    taken: list[tuple[float, float]] = []
    for x, high in spots:
        y = high - 5
        while any(abs(x - other_x) < 46 and abs(y - other_y) < LABEL_HEIGHT for other_x, other_y in taken):
            y -= LABEL_HEIGHT
        taken.append((x, y))
        placed.append((x, y, "start" if x < 24 else "end" if x > WIDTH - 24 else "middle"))
    return placed


def _round_steps(low: float, high: float, steps: int = 4) -> list[float]:
    power = 10 ** math.floor(math.log10((high - low or 1.0) / steps))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * steps >= high - low)
    return [round(low + i * step, 10) for i in range(math.ceil((high - low) / step) + 1)]


# Tables


def _heads(results: StudyResults) -> list[str]:
    name = results.frechet
    heads = ["Bytes an image", "Share of clean", f"{name}, codec alone", f"{name}, re-encoded val"]
    if any(codec.generators for codec in results.codecs):
        heads += [f"{name}, trained on it", f"{name}, also saved with it"]
    return [*heads, "Sharded, images/s", "Loaded, images/s"]


def _row(results: StudyResults, codec: CodecResult) -> list[str]:
    variant = codec.variant
    share = variant.bytes_per_image / results.clean.variant.bytes_per_image
    cells = [
        codec.name,
        f"{variant.bytes_per_image:,.0f}",
        f"{100 * share:.0f}%",
        _cell(results.alone(codec)),
        score_text(results.re_encoded(codec)),
    ]
    if any(one.generators for one in results.codecs):
        cells += [_cell(results.trained(codec)), _cell(results.saved(codec))]
    sharded = variant.shard_images_per_second
    return [*cells, f"{sharded:,.0f}" if sharded else "–", f"{variant.load_images_per_second:,.0f}"]


def _cell(distance: Distance | None) -> str:
    if distance is None:
        return "–"
    return f"{score_text(distance.value)} ({score_text(distance.low)} to {score_text(distance.high)})"


def _choice_groups(results: StudyResults) -> list[tuple[str, list[list[str]]]]:
    groups: dict[str, list[list[str]]] = {}
    for choice in results.choices:
        score = score_text(choice.scores.values[results.frechet]) if choice.scores else "–"
        changed = f"{choice.changed:.2f}" if choice.scores else "–"
        size = f"{choice.bytes_per_image:,.0f}" if choice.bytes_per_image else "–"
        note = choice.note or "–"
        groups.setdefault(choice.group, []).append([choice.name, choice.setting, note, score, changed, size])
    return list(groups.items())


# The rest


def _grids(results: StudyResults) -> Iterator[Grid]:
    for codec in results.codecs:
        share = codec.variant.bytes_per_image / results.clean.variant.bytes_per_image
        note = f"{codec.variant.bytes_per_image:,.0f} bytes an image, {100 * share:.0f}%"
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


__all__ = ["Interval", "draw_rates", "render_study"]
