"""Curves over images seen, laid out for a small SVG chart: what the report's template draws.

Coordinates are the chart's own: pixels from the top left of a plot of PLOT_WIDTH x PLOT_HEIGHT.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

__all__ = ["PLOT_HEIGHT", "PLOT_WIDTH", "Chart", "Curve", "Tick", "draw_charts", "in_words", "short_count"]

PLOT_WIDTH, PLOT_HEIGHT = 300.0, 150.0
MAX_POINTS = 240  # of a curve; more cannot be told apart at this size

PAIRED = {"_d": "discriminator", "_g": "generator", "_real": "real", "_fake": "generated"}
TITLES = {
    "loss": "Loss",
    "logit": "Discriminator's logits",
    "accuracy": "Discriminator's accuracy",
    "gradient_norm": "Gradient norm",
    "sign": "Sign of the discriminator's logits",
    "compression_quality": "Learned JPEG quality",
    "compression_spread": "Spread of the learned JPEG quality",
    "compression_subsampled": "Learned share of 4:2:0",
    "images_per_second": "Images per second",
    "data_share": "Time spent waiting for data",
    "memory_bytes": "Memory",
}


class Curve(NamedTuple):
    """One line of a chart, in the chart's own coordinates."""

    name: str  # empty where the chart's title says it
    latest: str
    points: str


class Tick(NamedTuple):
    """A mark on an axis: its distance from the chart's top or left, and what is written there."""

    at: float
    text: str


class Chart(NamedTuple):
    """One or two curves over images seen."""

    title: str
    curves: list[Curve]
    x_ticks: list[Tick]
    y_ticks: list[Tick]


def draw_charts(stats: Sequence[Mapping[str, float]]) -> list[Chart]:
    """Give a chart for each column, with those that differ only in _d / _g or _real / _fake sharing one."""
    groups: dict[str, dict[str, str]] = {}
    for column in dict.fromkeys(name for row in stats for name in row if name != "nimg"):
        suffix = next((suffix for suffix in PAIRED if column.endswith(suffix)), "")
        groups.setdefault(column.removesuffix(suffix), {})[column] = PAIRED.get(suffix, "")
    ordered = [name for name in TITLES if name in groups] + [name for name in groups if name not in TITLES]
    charts = (_chart(name, groups[name], stats) for name in ordered)
    return [chart for chart in charts if chart is not None]


def _chart(group: str, columns: Mapping[str, str], stats: Sequence[Mapping[str, float]]) -> Chart | None:
    series = {column: list(_points(column, stats)) for column in columns}
    series = {column: points for column, points in series.items() if len(points) > 1}
    if not series:
        return None
    x_ticks = _round_numbers(0, max(x for points in series.values() for x, _ in points))
    y_values = [y for points in series.values() for _, y in points]
    y_ticks = _round_numbers(min(y_values), max(y_values))
    x_axis, y_axis = _Axis(0, x_ticks[-1], PLOT_WIDTH), _Axis(y_ticks[-1], y_ticks[0], PLOT_HEIGHT)
    return Chart(
        TITLES.get(group, in_words(group)),
        [_curve(columns[name], points, x_axis, y_axis, group) for name, points in series.items()],
        [Tick(x_axis.at(x), short_count(x)) for x in x_ticks],
        [Tick(y_axis.at(y), _amount(y, group)) for y in y_ticks],
    )


class _Axis(NamedTuple):
    first: float
    last: float
    length: float

    def at(self, value: float) -> float:
        return round(self.length * (value - self.first) / (self.last - self.first), 1)


def _curve(name: str, points: list[tuple[float, float]], x_axis: _Axis, y_axis: _Axis, group: str) -> Curve:
    path = " ".join(f"{x_axis.at(x)},{y_axis.at(y)}" for x, y in _thinned(points))
    return Curve(name, _amount(points[-1][1], group), path)


def _points(column: str, stats: Sequence[Mapping[str, float]]) -> Iterator[tuple[float, float]]:
    for row in stats:
        value = row.get(column)
        if isinstance(value, int | float) and math.isfinite(value):
            yield row["nimg"], value


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Average neighbours until there are at most MAX_POINTS."""
    size = -(-len(points) // MAX_POINTS)
    parts = (points[i : i + size] for i in range(0, len(points), size))
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]


def _round_numbers(low: float, high: float, steps: int = 4) -> list[float]:
    """Give round numbers at equal distances, about `steps` steps from below `low` to above `high`."""
    span = (high - low) or abs(high) or 1.0
    power = 10 ** math.floor(math.log10(span / steps))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * steps >= span)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 12) for i in range(first, max(last, first + 1) + 1)]


def _amount(value: float, name: str) -> str:
    if name.endswith("_bytes"):
        return f"{value / 1e9:.3g} GB" if abs(value) >= 1e9 else f"{value / 1e6:.0f} MB"
    if name.endswith("_share") or name.startswith("accuracy"):
        return f"{100 * value:.3g}%"
    return (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}").replace("-", "−")


def in_words(name: str) -> str:
    """Give a column's name as words: underscores to spaces, the first letter large."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def short_count(value: float) -> str:
    """Give a count in few letters: 1.2M, 50k, 300."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:g}"
