"""The manifest: what makes a folder of shards a dataset version, and how a dataset is found by name."""

import os
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from shards.config import DATASET_NAME, ShardConfig
from shards.errors import DatasetError, SplitError
from shards.images.recipe import Recipe
from shards.settings import Settings
from shards.storage.uris import exists, is_remote, join, local_path, names_in, open_binary

MANIFEST = "manifest.json"
LATEST = "LATEST"
SAMPLES_TABLE = "samples.parquet"
NOT_AN_IMAGE = "not_an_image"
Split = Literal["train", "val"]
# A manifest may come from elsewhere: what it says becomes names of folders, sizes of arrays and text on pages.
MOST_BYTES = 2**28
_PART_BYTES = 2**20
_MOST_COUNT = 2**40
_VERSION = r"^[0-9a-f]{1,64}$"
_SHA256 = r"^[0-9a-f]{64}$"
_SHARD_NAME = r"^[0-9A-Za-z_][0-9A-Za-z_.-]{0,199}$"
Count = Annotated[int, Field(ge=0, le=_MOST_COUNT)]


class ShardRecord(Settings):
    """One shard, with what is needed to know it again; `url` is the name of a file beside the manifest."""

    url: str = Field(pattern=_SHARD_NAME)
    split: Split
    nsamples: int = Field(ge=1, le=_MOST_COUNT)
    bytes: int = Field(ge=1, le=_MOST_COUNT)
    sha256: str = Field(pattern=_SHA256)


class Counts(Settings):
    """What became of every file of the source: seen = kept + duplicates + quarantined."""

    seen: Count
    kept: Count
    duplicates: Count
    quarantined: Count
    reasons: dict[str, Count]

    @property
    def not_images(self) -> int:
        """Return how many of the quarantined files are not images, such as text and sound; the others are broken."""
        return self.reasons.get(NOT_AN_IMAGE, 0)


class Synthetic(Settings):
    """Marks a version whose images a model made, and says how: the same values give the same images again."""

    model: str
    weights_sha256: str
    num_images: int
    seed: int
    label: int
    truncation: float
    format: str


class Manifest(Settings):
    """A dataset version; also an index for the package wids, which ignores the fields it does not know."""

    wids_version: Literal[1] = 1
    name: str
    dataset: str = Field(pattern=DATASET_NAME)
    version: str = Field(pattern=_VERSION)
    source: str
    synthetic: Synthetic | None = None
    grew_from: str | None = None
    labels: list[str]
    resolution: int = Field(ge=8, le=4096)
    channels: Literal[1, 3]
    counts: Counts
    num_samples_by_split: dict[Split, Count]
    classes_by_split: dict[Split, dict[str, Count]]
    shardlist: list[ShardRecord]
    settings: dict[str, Any]
    libraries: dict[str, str]
    notes: list[str] = Field(default_factory=list)

    @field_validator("shardlist")
    @classmethod
    def _each_shard_once(cls, shardlist: list[ShardRecord]) -> list[ShardRecord]:
        if len({record.url for record in shardlist}) != len(shardlist):
            raise ValueError("a shard is named twice")
        return shardlist

    def recipe(self) -> Recipe:
        """Return the recipe that the version was made by; raises DatasetError where the settings are none of ours."""
        try:
            return ShardConfig(**(self.settings | {"source": "unknown", "dataset": self.dataset})).recipe()
        except (ValidationError, TypeError) as error:
            raise DatasetError(f"the manifest of {self.name!r} has settings that no build has: {error}") from error

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

    def class_counts(self, split: str) -> list[int]:
        """Return the number of samples of each class by its number, 0 for a class that the split has none of."""
        found = self.histogram(split)
        return [found.get(label, 0) for label in self.labels]


def load_manifest(uri: str | os.PathLike[str]) -> Manifest:
    """Read a manifest; raises DatasetError when it is missing or is none."""
    where = os.fspath(uri)
    try:
        return Manifest.model_validate_json(_read_bounded(where))
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


def _read_bounded(uri: str) -> bytes:
    text = bytearray()
    with open_binary(uri) as file:
        # Asked for all at once, Python sets aside as much memory as it might be.
        while part := file.read(_PART_BYTES):
            text += part
            if len(text) > MOST_BYTES:
                raise ValueError(f"it has more than {MOST_BYTES} bytes, and no manifest is as large")
    return bytes(text)


def beside(manifest_uri: str, name: str) -> str:
    """Return the URI of a shard or a table, which lies in the same folder as its manifest."""
    return join(manifest_uri.rpartition("/")[0] or ".", name)


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
            latest = file.read(100).decode(errors="replace").strip()
    if latest in complete:
        return latest
    known = ", ".join(f"{name}@{one}" for one in complete)
    raise DatasetError(f"the dataset {name!r} does not say which version is its latest; name one of them: {known}")


def _known(datasets: str) -> str:
    names = [name for name in names_in(datasets) if versions(join(datasets, name))]
    return f"there are {', '.join(names)}" if names else "there is none yet, build one first"
