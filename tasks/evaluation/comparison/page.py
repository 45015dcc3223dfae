"""The comparison as one HTML page, with grids that every version made from the same latents."""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from mlflow.exceptions import MlflowException

from models.grids import grid_png
from shards.storage.files import write_atomically
from tasks.errors import RegistryError
from tasks.evaluation.comparison.side_by_side import Comparison
from tasks.evaluation.grids import class_grid, interpolation_grid
from tasks.home import Home
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.versions import resolve_version
from tasks.reports.pictures import fit_pictures
from tasks.reports.report import page_environment
from tasks.tracking.inventory.words import score_words
from tasks.tracking.runs import connect

LONGEST_NAME = 100  # characters of the page's file name
FEW_CLASSES = 5
COLUMNS, LEAST_ROWS, MOST_COLUMNS = 8, 4, 10


class Pictures(NamedTuple):
    """What one version makes. `classes` are those of the grid's columns, or of its rows in turn if `by_row`.

    Empty, with the reason in `problem`, if the version cannot be loaded.
    """

    grid: bytes
    interpolation: bytes
    classes: list[str]
    by_row: bool = False
    problem: str = ""


def write_page(home: Home, comparison: Comparison, seed: int) -> Path:
    """Write the page under the home's reports and return its path. Loads every version, which takes seconds each."""
    pictures = [_pictures(home, one.title, seed) for one in comparison.models]
    path = home.reports / f"compare-{_file_name([one.title for one in comparison.models])}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, render_comparison(comparison, pictures, seed))
    return path


def render_comparison(comparison: Comparison, pictures: list[Pictures], seed: int) -> str:
    """Give the page: styles and pictures inside it, no script, no request."""
    fitted = fit_pictures([*(one.grid for one in pictures), *(one.interpolation for one in pictures)])
    count = len(pictures)
    shown = [
        one._replace(grid=fitted[place], interpolation=fitted[count + place]) for place, one in enumerate(pictures)
    ]
    return (
        page_environment(Path(__file__).parent)
        .get_template("comparison.html.j2")
        .render(comparison=comparison, pictures=shown, seed=seed, score_words=score_words)
    )


def _pictures(home: Home, title: str, seed: int) -> Pictures:
    try:
        generator = LoadedGenerator.load(resolve_version(connect(home), title))
    except (RegistryError, MlflowException) as error:
        return Pictures(b"", b"", [], problem=str(error))
    by_row = 1 < generator.num_classes < FEW_CLASSES
    grid = rows_grid(generator, seed) if by_row else class_grid(generator, seed)
    classes = generator.labels[:MOST_COLUMNS] if generator.num_classes > 1 else []
    return Pictures(grid, interpolation_grid(generator, seed), classes, by_row)


def rows_grid(generator: LoadedGenerator, seed: int) -> bytes:
    """Return a marked PNG whose rows are classes, in turn: with few classes, columns would be much taller than wide."""
    rows = -(-LEAST_ROWS // generator.num_classes) * generator.num_classes
    labels = [row % generator.num_classes for row in range(rows) for _ in range(COLUMNS)]
    images = generator.generate_each(range(seed, seed + len(labels)), labels)
    return generator.mark(grid_png(images, COLUMNS), seed)


def _file_name(titles: list[str]) -> str:
    name = "-".join(re.sub(r"[^\w-]+", "-", title.removeprefix("models:/")) for title in titles)
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:LONGEST_NAME]}-{hashlib.sha256(' '.join(titles).encode()).hexdigest()[:8]}"
