"""Figures of result pages: one panel per collection, written as PNG."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def panels(path: Path, titles: Sequence[str], width: float = 4.5, **options: Any) -> Iterator[list[Any]]:
    """One matplotlib axis per title, side by side; the figure is saved at the end."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    size = (width * len(titles), 3.5)
    figure, axes = plt.subplots(1, len(titles), figsize=size, layout="constrained", squeeze=False, **options)
    for axis, title in zip(axes.flat, titles, strict=True):
        axis.set_title(title)
        axis.spines[["top", "right"]].set_visible(False)
    yield list(axes.flat)
    figure.savefig(path, dpi=100)
    plt.close(figure)
