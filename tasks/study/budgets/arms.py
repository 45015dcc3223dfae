"""The arms of a comparison: the images of one codec that a budget affords, as a dataset version of their own.

All codecs get their images in the same random order, so the images of a smaller budget are among those of a larger
one. The bytes of the files are not changed. Only images of the split train are used: the val split judges.
"""

import hashlib
from collections.abc import Iterator, Sequence

from prefect import task
from pydantic import BaseModel, ConfigDict

from shards import Dataset, DatasetError, ShardConfig, build, list_entries
from shards.sources.entries import Entry
from tasks.errors import RequestError
from tasks.home import home
from tasks.study.budgets.config import name_budget
from tasks.study.record import open_record
from tasks.study.variants import MAX_NAME, Variant, study_name
from tasks.trainer.pictures import TRAIN

LEAST_IMAGES = 32  # fewer make no training
ROBUST_BELOW = 90  # JPEG of a lower quality is also trained on with train.compression=known


class Arm(BaseModel):
    """Images of one codec that a budget affords. `is_all`: the budget affords all training images."""

    model_config = ConfigDict(frozen=True)

    codec: str
    budget: int
    dataset: str
    version: str
    num_images: int
    num_bytes: int
    is_all: bool

    @property
    def key(self) -> str:
        """The arm's name for files: `jpeg:15-50000`."""
        return f"{self.codec}-{self.budget}"


class Chosen(BaseModel):
    """The keys of the images that a budget affords."""

    keys: frozenset[str]
    num_bytes: int
    is_all: bool


def budgets_name(dataset: str) -> str:
    """The dataset of all arms. It differs from those that other commands use."""
    return f"{study_name(dataset[: MAX_NAME - len('-study-bytes')])}-bytes"


def can_be_robust(codec: str) -> bool:
    """Whether a codec is also trained on with `train.compression=known`: JPEG that is coarse enough."""
    return codec.startswith("jpeg:") and int(codec.split(":")[1]) < ROBUST_BELOW


def choose(dataset: Dataset, budget: int, seed: int) -> Chosen:
    """Choose training images at random until the budget is used up. The order is the same for every codec."""
    table = dataset.samples_table(["key", "split", "bytes"]).to_pylist()
    sizes = {row["key"]: row["bytes"] for row in table if row["split"] == TRAIN}
    keys: set[str] = set()
    used = 0
    for key in sorted(sizes, key=lambda key: hashlib.sha256(f"{seed} {key}".encode()).digest()):
        if used + sizes[key] > budget:
            return Chosen(keys=frozenset(keys), num_bytes=used, is_all=False)
        keys.add(key)
        used += sizes[key]
    return Chosen(keys=frozenset(keys), num_bytes=used, is_all=True)


def check_budgets(variants: Sequence[Variant], budgets: Sequence[int], seed: int) -> None:
    """Raise RequestError, before anything is trained, where a budget affords too few images of a codec."""
    for variant in variants:
        chosen = choose(Dataset.open(variant.manifest), min(budgets), seed)
        if len(chosen.keys) < LEAST_IMAGES:
            raise RequestError(
                f"study.bytes: {name_budget(min(budgets))} affords {len(chosen.keys)} images of {variant.codec}, but a "
                f"training needs {LEAST_IMAGES}: raise the budget to at least "
                f"{name_budget(round(2 * LEAST_IMAGES * variant.bytes_per_image))}, or leave out this codec"
            )


@task(task_run_name="arm-{variant.codec}-{budget}")
def build_arm(study_run: str, shard: ShardConfig, variant: Variant, budget: int, seed: int) -> Arm:
    """Build the version of an arm unless it exists."""
    inputs = {"variant": variant.version, "seed": seed}
    key = f"{variant.codec}-{budget}"
    known = open_record(study_run).once(Arm, key, inputs, lambda: _build_arm(shard, variant, budget, seed))
    try:
        Dataset.open(f"{known.dataset}@{known.version}", home().shared)
    except DatasetError:  # it was deleted
        return _build_arm(shard, variant, budget, seed)
    return known


def _build_arm(shard: ShardConfig, variant: Variant, budget: int, seed: int) -> Arm:
    chosen = choose(Dataset.open(variant.manifest), budget, seed)
    config = ShardConfig(
        source=variant.manifest,
        dataset=budgets_name(shard.dataset),
        resolution=shard.resolution,
        image_width=shard.image_width,
        channels=shard.channels,
        encoding="original",
        val_fraction=0.0,
        checks="off",
        marked="keep",
        workers=shard.workers,
    )
    built = build(config, home().shared, entries=_entries(config, chosen.keys))
    table = Dataset.open(built.manifest).samples_table(["bytes"]).column(0).to_pylist()
    return Arm(
        codec=variant.codec,
        budget=budget,
        dataset=built.dataset,
        version=built.version,
        num_images=len(table),
        num_bytes=sum(table),
        is_all=chosen.is_all,
    )


def _entries(config: ShardConfig, keys: frozenset[str]) -> Iterator[Entry]:
    return (entry for entry in list_entries(config) if entry.source.rpartition("/")[2].partition(".")[0] in keys)
