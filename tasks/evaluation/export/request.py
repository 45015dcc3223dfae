"""What an export would write, checked before torch and MLflow are imported."""

import json
from pathlib import Path
from typing import NamedTuple

from tasks.errors import RequestError
from tasks.evaluation.export.config import ExportConfig
from tasks.home import home
from tasks.tracking.inventory.inventory import Inventory
from tasks.tracking.inventory.names import find_one, versions_of
from tasks.tracking.inventory.records import VersionRecord
from tasks.tracking.model_ref import ModelRef

RECORD = "export.json"  # names the files of an export, and what they were made of


class ExportPlan(NamedTuple):
    """The version that makes the images, and the folder for them."""

    version: VersionRecord
    folder: Path


def plan_export(config: ExportConfig) -> ExportPlan:
    """Check the model, its classes and the folder. Raises RequestError for what does not fit."""
    ref = ModelRef.parse(config.model)  # a name alone means its challenger
    match = find_one(Inventory(home()), ref.uri, ("models",))
    (version,) = versions_of(match)
    folder = Path(config.out or f"{version.name}-{version.version}").expanduser().absolute()
    check_folder(folder, RECORD)
    spec = Path(version.files) / "artifacts" / "spec.json"
    if spec.is_file():  # else the files are elsewhere, and the classes are checked when they are here
        content = json.loads(spec.read_text())
        choose_classes(config, content["labels"], content["arguments"]["num_classes"])
    return ExportPlan(version, folder)


def check_folder(folder: Path, record: str) -> None:
    """Raise RequestError for a folder with files of somebody else. One that holds `record` is ours and is replaced."""
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"out is {str(folder)!r}, which is a file: give a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / record).is_file():
        raise RequestError(f"out is {str(folder)!r}, which holds other files: give a new or empty folder")


def choose_classes(config: ExportConfig, labels: list[str], num_classes: int) -> list[int]:
    """Return the numbers of the chosen classes. Raises RequestError for a name that is not one of `labels`."""
    names = [name.strip() for name in config.classes.split(",") if name.strip()]
    if not names:
        return []
    if not num_classes:
        raise RequestError(f"classes is {config.classes!r}, but {config.model} makes images without classes")
    if unknown := [name for name in names if name not in labels]:
        raise RequestError(f"classes names {unknown[0]!r}, which {config.model} does not have: {', '.join(labels)}")
    return [labels.index(name) for name in names]
