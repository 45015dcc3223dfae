"""The manifest: what makes a folder of shards a dataset version, and how a dataset is found by name."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shards.errors import DatasetError, SplitError

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


class Manifest(BaseModel):
    """A dataset version; also an index for the package wids, which ignores the fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wids_version: Literal[1] = 1
    name: str
    dataset: str
    version: str
    source: str
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
    path = Path(uri)
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"the manifest {str(uri)!r} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DatasetError(
            f"{str(uri)!r} is no manifest of a dataset version: {where}: {first['msg']} "
            f"({error.error_count()} such); "
            f"build the dataset again"
        ) from error


def resolve_dataset(root: str | os.PathLike[str], ref: str) -> str:
    """Find a manifest by `name` (latest version), `name@version` (a unique beginning is enough) or its path.

    Raises DatasetError that lists what there is instead.
    """
    path = Path(ref)
    if path.name == MANIFEST and path.is_file():
        return str(path.absolute())
    if (path / MANIFEST).is_file():
        return str((path / MANIFEST).absolute())
    name, _, version = ref.partition("@")
    folder = Path(root, "datasets", name)
    complete = versions(folder)
    if not complete:
        raise DatasetError(f"there is no dataset {name!r} under {str(root)!r}; {_known(Path(root, 'datasets'))}")
    if not version:
        return str((folder / _latest(folder, complete) / MANIFEST).absolute())
    fitting = [one for one in complete if one.startswith(version)]
    if len(fitting) != 1:
        what = "matches several versions" if fitting else "matches no version"
        raise DatasetError(f"{ref!r} {what} of {name!r}; there are {', '.join(fitting or complete)}")
    return str((folder / fitting[0] / MANIFEST).absolute())


def versions(folder: Path) -> list[str]:
    """Return the complete versions in a dataset's folder, sorted by name."""
    return sorted(path.parent.name for path in folder.glob(f"[!.]*/{MANIFEST}"))


def _latest(folder: Path, complete: list[str]) -> str:
    try:
        latest = (folder / LATEST).read_text().strip()
    except FileNotFoundError:
        latest = ""
    if latest in complete:
        return latest
    raise DatasetError(
        f"the dataset {folder.name!r} does not say which version is its latest; "
        f"name one of them: {', '.join(f'{folder.name}@{one}' for one in complete)}"
    )


def _known(datasets: Path) -> str:
    names = sorted(path.name for path in datasets.glob("*") if versions(path))
    return f"there are {', '.join(names)}" if names else "there is none yet, build one first"
