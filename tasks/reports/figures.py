"""Matplotlib figures as SVG that stands inside a page: the page's colours and font, light or dark, no request.

The same data give the same bytes: no date, no random ids. Matplotlib is imported when the first figure is made.
"""

import io
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Matplotlib knows no CSS variables: it draws in colours that nobody else uses, and these are replaced in the SVG.
COLOURS = {
    "#010101": "var(--one)",
    "#020202": "var(--two)",
    "#030303": "var(--line)",
    "#040404": "var(--quiet)",
    "#050505": "var(--ink)",
}
ONE, TWO, LINE, QUIET, INK = COLOURS
FONT_SIZE = 10.0
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "shardgan",
    "svg.fonttype": "none",  # letters stay text, which is small, sharp and can be searched
    "font.size": FONT_SIZE,
    "axes.edgecolor": LINE,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    # A tick's mark is an element with an id, and ids of several charts on a page would clash.
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "axes.labelcolor": QUIET,
    "lines.linewidth": 1.4,
    "path.simplify": True,
}


def new_axes(width: float, height: float) -> "Axes":
    """Axes that fill a figure of `width` by `height` points; `to_svg` makes the page's SVG of it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
    axes.patch.set_visible(False)
    return axes


def to_svg(axes: "Axes", label: str) -> str:
    """Give the figure of `axes` as an SVG element; `label` says in words what it shows."""
    from markupsafe import escape
    from matplotlib import rc_context

    for artist in axes.findobj():
        artist.set_clip_on(False)  # clip paths have ids as well, and everything lies inside the axes
    text = io.StringIO()
    with rc_context(STYLE):
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        axes.figure.savefig(text, format="svg", metadata=nothing)  # type: ignore[union-attr]
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    for pattern, replacement in _SHORTER:
        svg = pattern.sub(replacement, svg)
    svg = re.sub("|".join(COLOURS), lambda match: COLOURS[match[0]], svg)
    return svg.strip().replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)


_SHORTER = [
    (re.compile(pattern, re.DOTALL), replacement)
    for pattern, replacement in (
        (r"<!--.*?-->|<defs>.*?</defs>", ""),
        (r' (id|xmlns|xmlns:xlink|version|width|height)="[^"]*"', ""),
        (r' transform="rotate\(-0 [^"]*"', ""),
        (r"font: ([\d.]+px)[^;]*;", r"font-size: \1;"),
        (r"font-family: [^;\"]*; ?", ""),  # the page's own
        (r"(?<=[\s\"])(-?\d+\.\d)\d+(?=[\s\"])", r"\1"),
        (r"<g/>|</?g>", ""),
        (r"\s+", " "),
    )
]
