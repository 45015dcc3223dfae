"""The manifest: what makes a folder of shards a dataset version, and how a dataset is found by name."""

import os
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shards.errors import DatasetError, SplitError
from shards.uris import exists, is_remote, join, local_path, names_in, open_binary

MANIFEST = "manifest.json"
LATEST = "LATEST"
Split = Literal["train", "val"]


class ShardRecord(BaseModel):
    """One shard, with what is needed to know it again; `url` is relative to the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    split: Split
    nsamples: int = Field(ge=1)
    bytes: int = Field(ge=1)
    sha256: str


class Counts(BaseModel):
    """What became of every file of the source: seen = kept + duplicates + quarantined."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seen: int
    kept: int
    duplicates: int
    quarantined: int
    reasons: dict[str, int]


class Synthetic(BaseModel):
    """Marks a version whose images a model made, and says how: the same values give the same images again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    weights_sha256: str
    num_images: int
    seed: int
    label: int
    truncation: float
    format: str


class Manifest(BaseModel):
    """A dataset version; also an index for the package wids, which ignores the fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wids_version: Literal[1] = 1
    name: str
    dataset: str
    version: str
    source: str
    synthetic: Synthetic | None = None
    grew_from: str | None = None
    labels: list[str]
    resolution: int
    channels: int
    counts: Counts
    num_samples_by_split: dict[Split, int]
    classes_by_split: dict[Split, dict[str, int]]
    shardlist: list[ShardRecord]
    settings: dict[str, Any]
    libraries: dict[str, str]

    def shards(self, split: str) -> list[ShardRecord]:
        """Return the shards of a split in order; raises SplitError when there are none."""
        if split not in self.num_samples_by_split:
            known = ", ".join(self.num_samples_by_split)
            raise SplitError(f"there is no split {split!r} in {self.name}; it has {known}")
        records = [record for record in self.shardlist if record.split == split]
        if not records:
            raise SplitError(
                f"the split {split!r} of {self.name} holds no image; build it again with more images "
                f"or another val_fraction than {self.settings.get('val_fraction')}"
            )
        return records

    def num_samples(self, split: str) -> int:
        """Return the number of samples in a split; raises SplitError when there is no such split."""
        if split not in self.num_samples_by_split:
            raise SplitError(f"there is no split {split!r} in {self.name}; it has train and val")
        return self.num_samples_by_split[split]

    def histogram(self, split: str) -> dict[str, int]:
        """Return the number of samples of each class in a split; empty when the dataset is unlabelled."""
        self.num_samples(split)
        return next(dict(classes) for name, classes in self.classes_by_split.items() if name == split)


def load_manifest(uri: str | os.PathLike[str]) -> Manifest:
    """Read a manifest; raises DatasetError when it is missing or is none."""
    where = os.fspath(uri)
    try:
        with open_binary(where) as file:
            return Manifest.model_validate_json(file.read())
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise DatasetError(
            f"{where!r} is no manifest of a dataset version: {field}: {first['msg']} ({error.error_count()} such); "
            f"build the dataset again"
        ) from error
    except Exception as error:  # clients of buckets raise far more than OSError
        raise DatasetError(
            f"the manifest {where!r} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error


def resolve_dataset(root: str | os.PathLike[str], ref: str) -> str:
    """Find a manifest by `name` (latest version), `name@version` (a unique beginning is enough) or its path.

    Raises DatasetError that lists what there is instead.
    """
    for uri in (ref, join(ref, MANIFEST)):
        if uri.endswith(MANIFEST) and exists(uri):
            return uri if is_remote(uri) else str(local_path(uri))
    name, _, version = ref.partition("@")
    datasets = join(os.fspath(root), "datasets")
    folder = join(datasets, name)
    complete = versions(folder)
    if not complete:
        raise DatasetError(f"there is no dataset {name!r} under {os.fspath(root)!r}; {_known(datasets)}")
    fitting = [one for one in complete if one.startswith(version)] if version else [_latest(folder, name, complete)]
    if len(fitting) != 1:
        what = "matches several versions" if fitting else "matches no version"
        raise DatasetError(f"{ref!r} {what} of {name!r}; there are {', '.join(fitting or complete)}")
    uri = join(folder, join(fitting[0], MANIFEST))
    return uri if is_remote(uri) else str(local_path(uri))


def versions(folder: str) -> list[str]:
    """Return the complete versions in a dataset's folder, sorted by name."""
    named = [name for name in names_in(folder) if not name.startswith(".") and name != LATEST]
    return [name for name in named if exists(join(folder, join(name, MANIFEST)))]


def _latest(folder: str, name: str, complete: list[str]) -> str:
    latest = ""
    if exists(join(folder, LATEST)):
        with open_binary(join(folder, LATEST)) as file:
            latest = file.read().decode().strip()
    if latest in complete:
        return latest
    known = ", ".join(f"{name}@{one}" for one in complete)
    raise DatasetError(f"the dataset {name!r} does not say which version is its latest; name one of them: {known}")


def _known(datasets: str) -> str:
    names = [name for name in names_in(datasets) if versions(join(datasets, name))]
    return f"there are {', '.join(names)}" if names else "there is none yet, build one first"
