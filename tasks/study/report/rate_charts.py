"""The study's charts: bytes per image against distance, one point per codec."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tasks.reports.figures import INK, ONE, QUIET, TWO, new_axes, to_svg
from tasks.study.results import CodecResult, Distance, StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

WIDTH, HEIGHT = 340.0, 250.0
DOT = 6.4  # points across
Points = Sequence[tuple[CodecResult, Distance]]


class RateChart(NamedTuple):
    """Bytes per image, in powers of two, against a distance."""

    title: str
    note: str
    svg: str


def draw_rates(results: StudyResults) -> Iterator[RateChart]:
    """Give a chart for the codec alone, and those for the generators where any were trained."""
    alone = [(codec, results.alone(codec)) for codec in results.codecs]
    yield _chart("Codec alone", "real training images in the codec, against clean val images", results.frechet, alone)
    for title, note, measure in (
        ("Trained on it", "generators' images as they are", results.trained),
        ("Trained on it, saved with it", "the same images, saved with the codec", results.saved),
    ):
        points = [(codec, distance) for codec in results.codecs if (distance := measure(codec)) is not None]
        if len(points) > 1:
            yield _chart(title, note, results.frechet, points)


def _chart(title: str, note: str, frechet: str, points: Points) -> RateChart:
    axes = plot_codecs(frechet, points)
    place_names(axes, points)
    return RateChart(title, note, to_svg(axes, f"{title}: bytes per image against {frechet}"))


def plot_codecs(frechet: str, points: Points) -> "Axes":
    """Draw a dot and its interval for each codec; a line joins the qualities of JPEG."""
    axes = new_axes(WIDTH, HEIGHT)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("bytes per image")
    axes.set_title(frechet, loc="left", fontsize="medium", color=QUIET)
    for codec, distance in points:
        size, colour = codec.variant.bytes_per_image, ONE if is_jpeg(codec) else TWO
        axes.plot([size] * 2, [distance.low, distance.high], color=colour)
        # A round cap makes a dot of a line without length; a marker would be an element with an id of its own.
        axes.plot([size] * 2, [distance.value] * 2, color=colour, linewidth=DOT, solid_capstyle="round")
    axes.plot(*zip(*_curve(points), strict=True) if _curve(points) else ((), ()), color=ONE)
    axes.set_ylim(bottom=0)
    axes.margins(x=0.12, y=0.08)
    return axes


def is_jpeg(codec: CodecResult) -> bool:
    """Whether the codec is one of JPEG's qualities."""
    return codec.variant.codec.startswith("jpeg:")


def _curve(points: Points) -> list[tuple[float, float]]:
    return sorted((codec.variant.bytes_per_image, distance.value) for codec, distance in points if is_jpeg(codec))


class Place(NamedTuple):
    """Where a name may stand beside its dot: offset in points, and the side of the text that is anchored there."""

    offset: tuple[int, int]
    horizontal: str
    vertical: str


PLACES = [
    place
    for away in range(0, 48, 12)
    for place in (
        Place((0, 6 + away), "center", "bottom"),
        Place((0, -6 - away), "center", "top"),
        Place((7, away), "left", "center"),
        Place((-7, away), "right", "center"),
        Place((7, -away), "left", "center"),
        Place((-7, -away), "right", "center"),
    )
]


def place_names(axes: "Axes", points: Points) -> "list[Annotation]":
    """Write each codec's name where it covers least of the dots, the intervals, the curve and the other names."""
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]  # afterwards data have their places
    taken = _taken(axes, points)
    names = []
    for codec, distance in points:
        at = (codec.variant.bytes_per_image, distance.value)
        name = axes.annotate(codec.name, at, xytext=(0, 0), textcoords="offset points", color=INK)
        name.set_in_layout(False)
        boxes = _boxes(name)

        def cost(place: Place, boxes: "dict[Place, Bbox]" = boxes) -> float:
            return sum(_shared(boxes[place], box) for box in taken) + _outside(boxes[place], axes)

        taken.append(_move(name, min(PLACES, key=cost)))
        names.append(name)
    return names


def _boxes(name: "Annotation") -> "dict[Place, Bbox]":
    """Boxes of `name` at all places, in the figure's units. Measuring is slow: once per anchor, and then shifted."""
    per_point = name.get_figure(root=True).dpi / 72  # type: ignore[union-attr]
    at_dot = {anchor: _move(name, Place((0, 0), *anchor)) for anchor in {place[1:] for place in PLACES}}
    return {place: at_dot[place[1:]].translated(*(per_point * step for step in place.offset)) for place in PLACES}


def _move(name: "Annotation", place: Place) -> "Bbox":
    name.set(position=place.offset, ha=place.horizontal, va=place.vertical)
    return name.get_window_extent()


def _taken(axes: "Axes", points: Points) -> "list[Bbox]":
    """Boxes around dots, intervals and steps along the curve, in the figure's units."""
    from matplotlib.transforms import Bbox

    steps = [
        (x + (next_x - x) * i / 20, y + (next_y - y) * i / 20)
        for (x, y), (next_x, next_y) in pairwise(axes.transData.transform(_curve(points)) if _curve(points) else ())
        for i in range(20)
    ]
    boxes = [Bbox.from_bounds(x - 1, y - 1, 2, 2) for x, y in steps]
    for codec, distance in points:
        (x, low), (_, high) = axes.transData.transform(
            [(codec.variant.bytes_per_image, end) for end in (distance.low, distance.high)]
        )
        boxes.append(Bbox.from_extents(x - DOT / 2, low - 2, x + DOT / 2, high + 2))
    return boxes


def _shared(one: "Bbox", other: "Bbox") -> float:
    from matplotlib.transforms import Bbox

    both = Bbox.intersection(one, other)
    return both.width * both.height if both else 0.0


def _outside(box: "Bbox", axes: "Axes") -> float:
    return box.width * box.height - _shared(box, axes.bbox)
