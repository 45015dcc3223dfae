"""Images of a registered version as files that a person can look at and pass on."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from models.grids import grid_png
from shards.storage.files import write_atomically
from tasks.errors import RequestError
from tasks.evaluation.export.config import ExportConfig
from tasks.evaluation.export.interpolation import interpolation_webp
from tasks.evaluation.export.request import RECORD, check_folder, choose_classes, plan_export
from tasks.home import home
from tasks.registry.loaded_generator import ANY_CLASS, IMAGES_A_CALL, LoadedGenerator, decode_pngs
from tasks.registry.versions import resolve_version
from tasks.tracking.runs import connect

ENDINGS = {"png": "png", "webp": "webp", "jpeg": "jpg"}
GRID, INTERPOLATION = "grid.png", "interpolation.webp"
SIDE, MOST_COLUMNS, FEW_CLASSES = 8, 10, 5


class ExportOutcome(BaseModel):
    """What was written. `grid` and `interpolation` are empty where none was asked for."""

    model_config = ConfigDict(frozen=True)

    model: str
    folder: str
    images: int
    classes: list[str]
    grid: str
    interpolation: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        classes = [("classes", ", ".join(self.classes))] if self.classes else []
        pictures = [("grid", self.grid), ("interpolation", self.interpolation)]
        return [
            ("model", self.model),
            ("images", f"{self.images:,} in {self.folder}"),
            *classes,
            *((name, path) for name, path in pictures if path),
        ]


def export_images(config: ExportConfig) -> ExportOutcome:
    """Write the images, the grid and the animation.

    Raises RequestError for a class or a truncation that the version does not know, and RegistryError where the
    version's files are not those that were registered.
    """
    version, folder = plan_export(config)
    generator = LoadedGenerator.load(resolve_version(connect(home()), version.title))
    chosen = choose_classes(config, generator.labels, generator.num_classes)
    if config.truncation < 1 and not generator.takes_truncation:
        raise RequestError(f"{version.title} was registered by an old release, which knows no truncation: leave it out")
    _clear(folder)
    names = list(_write_images(generator, config, chosen, folder))
    pictures = {}
    if config.grid:
        pictures[GRID] = _grid(generator, config, chosen)
    if config.frames:
        pictures[INTERPOLATION] = interpolation_webp(generator, config, chosen)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    record = {"model": version.title, "weights_sha256": version.weights_sha256, "settings": config.model_dump()}
    write_atomically(folder / RECORD, json.dumps(record | {"files": [*names, *pictures]}, indent=1))
    return ExportOutcome(
        model=version.title,
        folder=str(folder),
        images=len(names),
        classes=[generator.labels[label] for label in chosen] or generator.labels[: generator.num_classes],
        grid=str(folder / GRID) if config.grid else "",
        interpolation=str(folder / INTERPOLATION) if config.frames else "",
    )


def _clear(folder: Path) -> None:
    """Make the folder, and delete the files of an earlier export from it."""
    check_folder(folder, RECORD)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / RECORD).exists():
        for name in json.loads((folder / RECORD).read_text())["files"]:
            (folder / Path(name).name).unlink(missing_ok=True)


def _write_images(
    generator: LoadedGenerator, config: ExportConfig, chosen: Sequence[int], folder: Path
) -> Iterator[str]:
    """Write one file for each image; yields their names."""
    digits, place = max(len(str(config.num_images - 1)), 3), 0
    for request in requests(config, chosen):
        if not generator.takes_truncation:
            del request["truncation"]
        made = generator.encode(request)
        for content, label in zip(made.files, made.labels, strict=True):
            suffix = f"-{_slug(generator.labels[label])}" if label >= 0 else ""
            name = f"{place:0{digits}}{suffix}.{ENDINGS[config.format]}"
            (folder / name).write_bytes(content)
            place += 1
            yield name


def requests(config: ExportConfig, chosen: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield requests to the generator. Chosen classes get equal shares, and image number i of each the same latents."""
    shared = {"truncation": config.truncation, "format": config.format}
    classes = list(chosen) or [ANY_CLASS]
    for place, label in enumerate(classes):
        share = config.num_images // len(classes) + (place < config.num_images % len(classes))
        for number, start in enumerate(range(0, share, IMAGES_A_CALL)):
            size = min(IMAGES_A_CALL, share - start)
            yield {"num_images": size, "seed": config.seed + number, "label": label, **shared}


def _grid(generator: LoadedGenerator, config: ExportConfig, chosen: Sequence[int]) -> bytes:
    """Return a marked PNG with the same latents for each class.

    A class is a column, or a row where there are few: columns would be much taller than wide.
    """
    labels = (list(chosen) or list(range(generator.num_classes)) or [ANY_CLASS])[:MOST_COLUMNS]
    request = {"num_images": SIDE if len(labels) > 1 else SIDE**2, "seed": config.seed, "format": "png"}
    if generator.takes_truncation:
        request["truncation"] = config.truncation
    by_class = [decode_pngs(generator.encode(request | {"label": label}).files) for label in labels]
    if len(labels) < FEW_CLASSES:
        return generator.mark(grid_png(np.concatenate(by_class), SIDE), config.seed)
    cells = np.stack(by_class, axis=1).reshape(-1, *by_class[0].shape[1:])  # row by row
    return generator.mark(grid_png(cells, len(labels)), config.seed)


def _slug(text: str) -> str:
    """Return the name of a class as a part of a file's name."""
    return re.sub(r"[^\w-]+", "_", text)[:60]
