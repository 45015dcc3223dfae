"""Everything that a dossier says, gathered once: each of its files is made from these values."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from pydantic import ValidationError

from models.grids import grid_png
from models.metrics.evaluation import Scores
from models.training.checkpoints import file_sha256
from shards import Dataset, DatasetError, Manifest
from shards.dataset.verification import ShardState
from tasks.errors import RegistryError
from tasks.evaluation.dossier.checks import (
    CHECKED,
    FAILED,
    NOT_CHECKED,
    Check,
    check_dataset,
    check_files,
    check_parent,
    check_run,
)
from tasks.evaluation.dossier.licences import Package, find_packages
from tasks.evaluation.dossier.limits import Evidence, find_limits
from tasks.home import home
from tasks.registry.audit import run_of
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.signing import NOT_SIGNED, fetched_model
from tasks.tracking.model_ref import uri_of
from tasks.tracking.tags import RunTags, VersionTags
from tasks.trainer.run_directory import RunConfig, RunDirectory

SPEC = "spec.json"
DATE = "SOURCE_DATE_EPOCH"  # seconds; the variable of reproducible-builds.org
SEED = 0  # of the pictures
COLUMNS, MOST_COLUMNS, ROWS, FEW_CLASSES = 8, 10, 4, 5


class VersionFile(NamedTuple):
    """One file of the version, by its path in it."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class DossierFacts:
    """What a dossier says. Values are empty or None where the thing is not on this machine."""

    name: str
    version: str
    aliases: Sequence[str]
    registered: datetime
    written: datetime
    tags: VersionTags
    licence: str
    files: Sequence[VersionFile] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    config: RunConfig | None = None
    manifest: Manifest | None = None
    shards: Sequence[ShardState] = ()
    scored: Sequence[Scores] = ()
    checks: Sequence[Check] = ()
    limits: Sequence[str] = ()
    packages: Sequence[Package] = ()
    picture: bytes = b""

    @property
    def uri(self) -> str:
        return f"models:/{self.name}/{self.version}"

    @property
    def dataset(self) -> str:
        """The dataset with its version; empty where the version does not name one."""
        return f"{self.tags.dataset}@{self.tags.dataset_version}" if self.tags.dataset else ""

    @property
    def labels(self) -> list[str]:
        return list(self.spec.get("labels", []))

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the network: resolution, channels, classes, latent numbers."""
        return dict(self.spec.get("arguments", {}))

    @property
    def size(self) -> int:
        """The size of all files in bytes."""
        return sum(one.bytes for one in self.files)

    def count(self, status: str) -> int:
        """Return how many checks have this status."""
        return sum(check.status == status for check in self.checks)

    def verdict(self) -> str:
        """Return the number of checks by status, in words."""
        counts = [f"{self.count(CHECKED)} checked"]
        counts += [f"{number} not checked"] if (number := self.count(NOT_CHECKED)) else []
        counts += [f"{number} FAILED"] if (number := self.count(FAILED)) else []
        return ", ".join(counts)


class _Files(NamedTuple):
    """What the version's files say."""

    files: list[VersionFile]
    spec: dict[str, Any]
    requirements: list[str]
    checks: list[Check]


def gather(client: MlflowClient, version: ModelVersion, licence: str, read_shards: bool) -> DossierFacts:
    """Gather all facts, and check every hash. Loads the generator for its pictures, and reads all shards if asked."""
    tags = VersionTags.of(version)
    stored = _read_files(version)
    run = run_of(client, version)
    folder = Path(RunTags.of(run).run_dir) if run and RunTags.of(run).run_dir else home().runs / (tags.run or "unknown")
    config = _read_config(folder)
    dataset = _open_dataset(tags)
    dataset_checks, shards = check_dataset(tags, dataset, read_shards)
    checks = [*stored.checks, *check_run(tags, run, folder, config), *dataset_checks]
    checks += [check_parent(client, what, sha256) for what, sha256 in _parents(config, dataset).items()]
    commit = f"commit {tags.commit or 'unknown'}"
    checks.append(Check("code", commit, NOT_CHECKED, "it was recorded when the training started"))
    scored = [Scores.model_validate_json(text) for text in tags.scores.values()]
    manifest = dataset.manifest if dataset else None
    events = RunTags.of(run).events if run else {}
    evidence = Evidence(scored, stored.spec, manifest, tags.nets_used(), events)
    return DossierFacts(
        name=version.name,
        version=str(version.version),
        aliases=_aliases(client, version),
        registered=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC).replace(microsecond=0),
        written=date_of_writing(),
        tags=tags,
        licence=licence,
        files=stored.files,
        spec=stored.spec,
        config=config,
        manifest=manifest,
        shards=shards,
        scored=scored,
        checks=checks,
        limits=find_limits(evidence),
        packages=find_packages(stored.requirements),
        picture=_picture(version, stored.checks),
    )


def _aliases(client: MlflowClient, version: ModelVersion) -> list[str]:
    aliases = client.get_registered_model(version.name).aliases
    return sorted(alias for alias, number in aliases.items() if str(number) == str(version.version))


def date_of_writing() -> datetime:
    """Return the time to the second: now, or what SOURCE_DATE_EPOCH says."""
    given = os.environ.get(DATE)
    return datetime.fromtimestamp(int(given), UTC) if given else datetime.now(UTC).replace(microsecond=0)


def _read_files(version: ModelVersion) -> _Files:
    try:
        with fetched_model(uri_of(version)) as folder:
            spec = _read_spec(folder)
            checks = list(check_files(version, folder, spec))
            requirements = folder / "requirements.txt"
            lines = requirements.read_text().splitlines() if requirements.is_file() else []
            return _Files(list_files(folder), spec, lines, checks)
    except RegistryError:
        reason = "the store of the registry does not give them"
        return _Files([], {}, [], [Check("all files of the version", "unknown", NOT_CHECKED, reason)])


def list_files(folder: Path) -> list[VersionFile]:
    """Return all files below a folder, sorted by path, but not those that a version's hash leaves out."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_SIGNED)
    return [VersionFile(path.relative_to(folder).as_posix(), path.stat().st_size, file_sha256(path)) for path in paths]


def _read_spec(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / "artifacts" / SPEC).read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_config(folder: Path) -> RunConfig | None:
    try:
        return RunDirectory(folder).config()
    except (OSError, ValidationError):
        return None


def _open_dataset(tags: VersionTags) -> Dataset | None:
    try:
        return Dataset.open(tags.manifest) if tags.manifest else None
    except DatasetError:
        return None


def _parents(config: RunConfig | None, dataset: Dataset | None) -> dict[str, str]:
    """Return the sha256 of the weights that this version's data or training came from, by what they were used for."""
    made = dataset and (dataset.manifest.synthetic or dataset.manifest.source_synthetic)
    parents = {"model that made the images": made.weights_sha256} if made else {}
    if config and config.init_sha256:
        parents["model that the training started from"] = config.init_sha256
    return parents


def _picture(version: ModelVersion, checks: Sequence[Check]) -> bytes:
    """Return a marked PNG of generated images. It is empty where the files must not or cannot be run."""
    if any(check.status == FAILED for check in checks) or not VersionTags.of(version).files_sha256:
        return b""
    try:
        generator = LoadedGenerator.load(version)
    except RegistryError:
        return b""
    labels = picture_labels(generator.num_classes)
    images = generator.generate_each(range(SEED, SEED + len(labels)), labels)
    return generator.mark(grid_png(images, picture_columns(generator.num_classes)), SEED)


def picture_columns(num_classes: int) -> int:
    """Return the number of columns: one for each class, or COLUMNS where there are so few that each row has a class."""
    return min(num_classes, MOST_COLUMNS) if num_classes >= FEW_CLASSES else COLUMNS


def picture_labels(num_classes: int) -> list[int]:
    """Return the class of each cell, row by row."""
    columns = picture_columns(num_classes)
    if num_classes >= FEW_CLASSES:
        return list(range(columns)) * ROWS
    classes = max(num_classes, 1)
    rows = -(-ROWS // classes) * classes
    return [row % classes for row in range(rows) for _ in range(columns)]
