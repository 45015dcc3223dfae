"""The dataset versions of a home, from their manifests."""

from datetime import UTC, datetime

from shards import Dataset, DatasetError
from shards.layout.manifest import LATEST, MANIFEST, versions
from shards.storage.uris import exists, is_remote, join, local_path, names_in, open_binary
from tasks.home import Home
from tasks.tracking.inventory.files import is_locked
from tasks.tracking.inventory.records import DatasetRecord

BUILDS = ".builds"


def list_datasets(home: Home) -> list[DatasetRecord]:
    """Return every complete dataset version of the home, sorted by name; the newest version of a name comes first."""
    found = [record for name in dataset_names(home) for record in _versions(home, name)]
    return sorted(found, key=lambda one: (one.name, -(one.created.timestamp() if one.created else 0)))


def dataset_names(home: Home) -> list[str]:
    """Return the names under datasets/, also of datasets whose first build has not finished."""
    return [name for name in names_in(join(home.shared, "datasets")) if not name.startswith(".")]


def dataset_folder(home: Home, name: str) -> str:
    """Return the folder or URI that holds all versions of a dataset."""
    return join(join(home.shared, "datasets"), name)


def is_building(home: Home, name: str) -> bool:
    """Return whether a process on this machine builds a version of the dataset."""
    folder = dataset_folder(home, name)
    if is_remote(folder):
        return False
    return any(is_locked(path) for path in (local_path(folder) / BUILDS).glob("*.lock"))


def read_latest(folder: str) -> str:
    """Return the version that the file LATEST of a dataset names, or an empty text."""
    path = join(folder, LATEST)
    if not exists(path):
        return ""
    with open_binary(path) as file:
        return file.read(100).decode(errors="replace").strip()


def read_dataset(manifest: str, name: str = "", version: str = "") -> DatasetRecord:
    """Return the record of the version with this manifest. Name and version are used if the manifest is damaged."""
    try:
        content = Dataset.open(manifest).manifest
    except DatasetError as error:
        return DatasetRecord(name=name, version=version, manifest=manifest, problem=str(error))
    return DatasetRecord(
        name=content.dataset,
        version=content.version,
        manifest=manifest,
        images=sum(content.num_samples_by_split.values()),
        splits=dict(content.num_samples_by_split),
        labels=content.labels,
        resolution=content.resolution,
        image_width=content.image_width,
        channels=content.channels,
        bytes=sum(record.bytes for record in content.shardlist),
        source=content.source,
        made_by=content.synthetic.model if content.synthetic else "",
        grew_from=content.grew_from or "",
        quarantined=content.counts.quarantined,
        duplicates=content.counts.duplicates,
        checks=content.checks,
        created=None if is_remote(manifest) else _modified(manifest),
    )


def _versions(home: Home, name: str) -> list[DatasetRecord]:
    folder = dataset_folder(home, name)
    latest, building = read_latest(folder), is_building(home, name)
    return [
        read_dataset(join(join(folder, version), MANIFEST), name, version).model_copy(
            update={"is_latest": version == latest, "is_building": building}
        )
        for version in versions(folder)
    ]


def _modified(path: str) -> datetime:
    return datetime.fromtimestamp(local_path(path).stat().st_mtime, UTC)
