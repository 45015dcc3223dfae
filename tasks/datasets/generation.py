"""Generated images as a dataset version, which can be trained on like any other."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock
from prefect import task
from pydantic import BaseModel, ConfigDict

from shards import BuildOutcome, ShardConfig, Synthetic, build, find_synthetic
from shards.images.containers import marking
from tasks.datasets.config import GenerateConfig
from tasks.datasets.credentials import Credentials
from tasks.errors import RegistryError
from tasks.flow_runs.assets import model_key, record_dataset
from tasks.flow_runs.progress import ProgressReport
from tasks.home import home
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.versions import resolve_version
from tasks.tracking.model_ref import uri_of
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags

logger = logging.getLogger(__name__)
BATCH_SIZE = 256
COLUMNS = pa.schema([("image", pa.binary()), ("label", pa.string())])


class GenerateOutcome(BaseModel):
    """The generated dataset version, and the model that made it. seen = kept + duplicates + quarantined."""

    model_config = ConfigDict(frozen=True)

    model: str
    weights_sha256: str
    dataset: str
    version: str
    manifest: str
    seen: int
    kept: int
    duplicates: int
    quarantined: int
    reused: bool

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        there = " (it already existed: nothing was generated)" if self.reused else ""
        return [
            ("model", f"{self.model}, weights sha256 {self.weights_sha256}"),
            ("dataset", f"{self.dataset}@{self.version}{there}"),
            ("images", f"{self.seen:,} generated: {self.kept:,} kept, {self.duplicates:,} duplicates"),
            ("shards", self.manifest.rpartition("/")[0]),
        ]


@task(task_run_name="generate-{config.dataset}")
def generate(config: GenerateConfig) -> GenerateOutcome:
    """Generate the dataset version that `config` asks for, unless it already exists.

    Raises RegistryError for models that shardgan did not register, and for a class that the model does not have, and
    RequestError if mark=c2pa is set without a certificate.
    """
    version = resolve_version(connect(home()), config.model)
    uri = uri_of(version)
    weights_sha256 = VersionTags.of(version, "weights_sha256").weights_sha256
    generator = LoadedGenerator.load(version)
    _check_label(config, uri, generator.labels)
    asked = config.model_dump(include={"num_images", "seed", "label", "truncation", "format"})
    mark = config.mark if marking.is_on() else "off"
    if mark == "off":
        logger.warning("the images are not marked as generated. %s", marking.LAW)
    synthetic = Synthetic(model=uri, weights_sha256=weights_sha256, mark=mark, **asked)
    listing = home().root / "generated" / f"{hashlib.sha256(synthetic.model_dump_json().encode()).hexdigest()}.parquet"
    shard = _shard_config(config, listing, generator, mark)
    root = config.out or home().shared
    lock = home().root / "locks" / f"{listing.stem}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):  # two runs may ask for the same images: the second one then finds the finished version
        built = find_synthetic(shard, root, synthetic)
        if built is None:
            write_listing(listing, generator, config, Credentials.load(uri) if mark == "c2pa" else None)
            built = _build(shard, root, synthetic)
            listing.unlink()
            facts = {"model": uri, "weights_sha256": weights_sha256, "manifest": built.manifest, "kept": built.kept}
            record_dataset(built.dataset, built.version, facts, [model_key(version.name, str(version.version))])
        else:
            logger.info("%s@%s already exists: nothing was generated", built.dataset, built.version)
    return GenerateOutcome(model=uri, weights_sha256=weights_sha256, **built.model_dump(exclude={"reasons"}))


def write_listing(
    path: Path, generator: LoadedGenerator, config: GenerateConfig, credentials: Credentials | None = None
) -> None:
    """Write the images and the names of their classes as a parquet listing. The file appears only when complete.

    With `credentials`, every file is signed.
    """
    if path.exists():
        return  # an earlier run was stopped while it sharded
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with (
        ProgressReport("generating", f"Generating {config.dataset}", config.num_images) as progress,
        pq.ParquetWriter(partial, COLUMNS) as writer,
    ):
        done, labels = 0, generator.labels
        for request in requests(config, len(labels)):
            images = generator.encode(request, mark=config.mark != "off")
            files = [credentials.sign(file, config.format) for file in images.files] if credentials else images.files
            names = [labels[label] if label >= 0 else None for label in images.labels]
            writer.write_table(pa.table({"image": files, "label": names}, schema=COLUMNS))
            done += len(names)
            progress.update(done, f"{done:,}/{config.num_images:,} images")
    partial.replace(path)


def requests(config: GenerateConfig, num_classes: int) -> Iterator[dict[str, Any]]:
    """Yield requests of about BATCH_SIZE images each. Each has its own seed, derived from `config.seed`."""
    # Each batch begins with the first class. Batches that hold every class equally often keep the classes balanced.
    size = max(BATCH_SIZE // max(num_classes, 1), 1) * max(num_classes, 1)
    shared = {"label": config.label, "truncation": config.truncation, "format": config.format}
    for number, start in enumerate(range(0, config.num_images, size)):
        (seed,) = np.random.SeedSequence([config.seed, number]).generate_state(1, np.uint64)
        yield {"num_images": min(size, config.num_images - start), "seed": int(seed >> np.uint64(1)), **shared}


def _check_label(config: GenerateConfig, uri: str, labels: list[str]) -> None:
    if config.label >= max(len(labels), 0) and config.label != -1:
        known = f"0 to {len(labels) - 1} ({', '.join(labels)}) or -1" if labels else "only -1: it has no classes"
        raise RegistryError(f"label is {config.label}; {uri} accepts {known}")


def _shard_config(config: GenerateConfig, listing: Path, generator: LoadedGenerator, mark: str) -> ShardConfig:
    several = len(generator.labels) > 1 and config.label == -1
    return ShardConfig(
        source=str(listing),
        dataset=config.dataset,
        resolution=generator.resolution,
        image_width=generator.image_width,
        channels=generator.channels,
        encoding="original",
        labels="auto" if several else "none",
        bytes_column="image",
        label_column="label",
        # Each mark has the image's own number in it, so images that look the same differ in their bytes.
        duplicates="bytes" if mark == "off" else "pixels",
        val_fraction=config.val_fraction,
        workers=config.workers,
    )


def _build(shard: ShardConfig, root: str | Path, synthetic: Synthetic) -> BuildOutcome:
    with ProgressReport("sharding", f"Sharding {shard.dataset}", total=1) as progress:
        return build(
            shard,
            root,
            report=lambda now: progress.update(now.done, f"{now.stage} {now.done:,}/{now.total:,}", now.total),
            synthetic=synthetic,
        )
