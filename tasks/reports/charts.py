"""Curves over images seen: one small chart for each number that a training writes down."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tasks.reports.figures import ONE, TWO, new_axes, to_svg

__all__ = ["Chart", "Curve", "chart_title", "column_points", "draw_charts", "group_columns", "in_words", "short_count"]

WIDTH, HEIGHT = 300.0, 150.0
MAX_POINTS = 160  # of a curve; more cannot be told apart at this size
LOADER = "loader_"  # begins the columns of the loader's stages
STEPS = [1, 2, 5, 10]  # between ticks

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
    "host_share": "Time that the GPU waited for the host",
    "memory_bytes": "Memory",
    "gpu_busy_share": "GPU busy",
    "gpu_memory_bytes": "Memory of the GPUs",
    "mfu_share": "Model FLOP/s utilisation",
    "gpu_watts": "Power of the GPUs, watts",
    "cpu_watts": "Power of the processors, watts",
    "energy_kwh": "Energy, kWh",
    "gpu_hours": "GPU hours",
    "price": "Price",
    "goodput_share": "Goodput",
}
Points = list[tuple[float, float]]


class Curve(NamedTuple):
    """One line of a chart: its name (empty where the chart's title says it) and its last value as text."""

    name: str
    latest: str


class Chart(NamedTuple):
    """One or two curves over images seen."""

    title: str
    curves: list[Curve]
    svg: str


def draw_charts(stats: Sequence[Mapping[str, float]]) -> list[Chart]:
    """Give a chart for each group of columns."""
    charts = (_chart(name, columns, stats) for name, columns in group_columns(stats).items())
    return [chart for chart in charts if chart is not None]


def group_columns(stats: Sequence[Mapping[str, float]]) -> dict[str, dict[str, str]]:
    """Give the columns of each chart, with their names. Those that differ only in _d/_g or _real/_fake share one.

    The loader's columns have no chart: the live page shows them as one bar.
    """
    groups: dict[str, dict[str, str]] = {}
    columns = dict.fromkeys(name for row in stats for name in row if name != "nimg" and not name.startswith(LOADER))
    for column in columns:
        suffix = next((suffix for suffix in PAIRED if column.endswith(suffix)), "")
        groups.setdefault(column.removesuffix(suffix), {})[column] = PAIRED.get(suffix, "")
    ordered = [name for name in TITLES if name in groups] + [name for name in groups if name not in TITLES]
    return {name: groups[name] for name in ordered}


def chart_title(group: str) -> str:
    """Give the title of the chart for a group of columns."""
    return TITLES.get(group, in_words(group))


def column_points(column: str, stats: Sequence[Mapping[str, float]]) -> Points:
    """Give a column over images seen: at most MAX_POINTS means of neighbours, without values that are not finite."""
    return _thinned(list(_points(column, stats)))


def _chart(group: str, columns: Mapping[str, str], stats: Sequence[Mapping[str, float]]) -> Chart | None:
    series = {column: list(_points(column, stats)) for column in columns}
    series = {column: points for column, points in series.items() if len(points) > 1}
    if not series:
        return None
    title = chart_title(group)
    curves = [Curve(columns[column], _amount(points[-1][1], group)) for column, points in series.items()]
    return Chart(title, curves, _draw(list(series.values()), group, title))


def _draw(series: Sequence[Points], group: str, title: str) -> str:
    from matplotlib.ticker import MaxNLocator

    axes = new_axes(WIDTH, HEIGHT)
    for points, colour in zip(series, (ONE, TWO), strict=False):
        axes.plot(*zip(*_thinned(points), strict=True), color=colour)
    axes.margins(x=0)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=STEPS))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=STEPS, min_n_ticks=3))
    axes.xaxis.set_major_formatter(lambda value, _: short_count(value))
    axes.yaxis.set_major_formatter(lambda value, _: _amount(value, group))
    return to_svg(axes, f"{title} over images seen")


def _points(column: str, stats: Sequence[Mapping[str, float]]) -> Iterator[tuple[float, float]]:
    for row in stats:
        value = row.get(column)
        if isinstance(value, int | float) and math.isfinite(value):
            yield row["nimg"], value


def _thinned(points: Points) -> Points:
    """Average neighbours until there are at most MAX_POINTS."""
    size = max(-(-len(points) // MAX_POINTS), 1)
    parts = (points[i : i + size] for i in range(0, len(points), size))
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]


def _amount(value: float, name: str) -> str:
    if name.endswith("_bytes"):
        return f"{value / 1e9:.3g} GB" if abs(value) >= 1e9 else f"{value / 1e6:.0f} MB"
    if name.endswith("_share") or name.startswith("accuracy"):
        return f"{100 * value:.3g}%"
    return (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}").replace("-", "−")


def in_words(name: str) -> str:
    """Give a column's name as words: underscores become spaces, and the first letter is large."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def short_count(value: float) -> str:
    """Give a count in few letters: 1.2M, 50k, 300."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:g}"
