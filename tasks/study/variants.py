"""One dataset version per codec: the same images in the same splits and order, stored in another way."""

import hashlib
import time
from collections.abc import Sequence

from prefect import task
from pydantic import BaseModel, ConfigDict

from shards import Dataset, ShardConfig
from tasks.datasets.sharding import build_shards
from tasks.errors import RequestError
from tasks.study.record import open_record

MAX_NAME = 64  # of a dataset
LOSSY = ("JPEG", "WEBP", "AVIF", "GIF")


class Variant(BaseModel):
    """A codec's dataset version and what was measured while it was made and read.

    `pixels_sha256` is over all decoded images: codecs with equal ones train the same generator, bit for bit.
    """

    model_config = ConfigDict(frozen=True)

    codec: str
    manifest: str
    dataset: str
    version: str
    num_images: int
    bytes_per_image: float
    shard_images_per_second: float | None
    load_images_per_second: float
    keys_sha256: str
    pixels_sha256: str


class Contents(BaseModel):
    """What was measured while a whole version was read once."""

    images_per_second: float
    keys_sha256: str
    pixels_sha256: str


class Built(BaseModel):
    """A dataset version, and how fast it was made (None if it existed already)."""

    manifest: str
    dataset: str
    version: str
    images_per_second: float | None


class Cleanliness(BaseModel):
    """How many files of a collection were lossily compressed before the study, according to the files themselves."""

    num_images: int
    num_lossy: int
    formats: dict[str, int]
    jpeg_quality_median: float | None
    shrink_median: float

    @property
    def is_clean(self) -> bool:
        """Whether earlier losses can be neglected: few lossy files, or only JPEG of high quality."""
        high = self.jpeg_quality_median is not None and self.jpeg_quality_median >= 95
        return self.num_lossy <= 0.02 * self.num_images or (high and set(self.formats) <= {"JPEG", "PNG"})

    def warning(self) -> str:
        """A warning about a collection that is not clean; empty for a clean one."""
        if self.is_clean:
            return ""
        kinds = ", ".join(f"{count:,} {name}" for name, count in sorted(self.formats.items()))
        quality = f" of median quality {self.jpeg_quality_median:.0f}" if self.jpeg_quality_median else ""
        shrunk = f", scaled down {self.shrink_median:.1f} times" if self.shrink_median > 1.05 else ""
        return (
            f"The source is not clean: {self.num_lossy:,} of {self.num_images:,} images come from lossy files "
            f"({kinds}; JPEG{quality}{shrunk}). The study counts these images as clean, so it shows less than "
            "the full effect of the codecs."
        )


def study_name(dataset: str) -> str:
    """The dataset of a study's versions. It differs from the one that `run` and `train` use."""
    return f"{dataset[: MAX_NAME - len('-study')]}-study"


def files_name(dataset: str) -> str:
    """The dataset of the unchanged files of any size. Its own name keeps trainings from finding it as latest."""
    return f"{study_name(dataset[: MAX_NAME - len('-study-files')])}-files"


@task(task_run_name="variant-{codec}")
def build_variant(study_run: str, shard: ShardConfig, codec: str) -> Variant:
    """Build the version in that codec unless it exists, and read it once."""
    record = open_record(study_run)
    config = shard.model_copy(update={"dataset": study_name(shard.dataset), "encoding": codec})
    began = time.perf_counter()
    outcome = build_shards(config)
    seconds = time.perf_counter() - began
    built = record.once(
        Built,
        codec,
        {"version": outcome.version},
        lambda: Built(
            manifest=outcome.manifest,
            dataset=outcome.dataset,
            version=outcome.version,
            images_per_second=None if outcome.reused else outcome.kept / seconds,
        ),
    )
    dataset = Dataset.open(outcome.manifest)
    contents = record.once(Contents, codec, {"version": outcome.version}, lambda: read_contents(dataset))
    sizes = dataset.samples_table(["bytes"]).column(0).to_pylist()
    return Variant(
        codec=codec,
        manifest=outcome.manifest,
        dataset=outcome.dataset,
        version=outcome.version,
        num_images=len(sizes),
        bytes_per_image=sum(sizes) / len(sizes),
        shard_images_per_second=built.images_per_second,
        load_images_per_second=contents.images_per_second,
        keys_sha256=contents.keys_sha256,
        pixels_sha256=contents.pixels_sha256,
    )


def read_contents(dataset: Dataset) -> Contents:
    """Decode every image of a version in this process and measure the time."""
    keys, pixels = hashlib.sha256(), hashlib.sha256()
    began, count = time.perf_counter(), 0
    for split in dataset.splits:
        for sample in dataset.stream(split):
            keys.update(f"{split} {sample.key} {sample.label}\n".encode())
            pixels.update(sample.decode().tobytes())
            count += 1
    seconds = time.perf_counter() - began
    return Contents(images_per_second=count / seconds, keys_sha256=keys.hexdigest(), pixels_sha256=pixels.hexdigest())


def check_comparable(variants: Sequence[Variant]) -> None:
    """Raise RequestError where versions do not hold the same images in the same splits and order."""
    first = variants[0]
    for other in variants[1:]:
        if other.keys_sha256 != first.keys_sha256:
            raise RequestError(
                f"{other.codec} ({other.version}) contains other images than {first.codec} ({first.version}), so they "
                "cannot be compared. The source changed while it was sharded: run the study again"
            )


def training_codec(variants: Sequence[Variant], codec: str) -> str:
    """The first codec with the same pixels: both share its training."""
    pixels = {variant.codec: variant.pixels_sha256 for variant in variants}
    return next(other for other in pixels if pixels[other] == pixels[codec])


def inspect_source(dataset: Dataset) -> Cleanliness:
    """Summarise what samples.parquet says about the source files."""
    columns = ["format", "jpeg_quality", "width", "height", "stored_width", "stored_height"]
    table = dataset.samples_table(columns).to_pandas()
    formats = table["format"].replace("MPO", "JPEG")
    lossy = formats.isin(LOSSY)
    quality = table["jpeg_quality"].dropna()
    shrink = table[["width", "height"]].min(axis=1) / table[["stored_width", "stored_height"]].min(axis=1)
    return Cleanliness(
        num_images=len(table),
        num_lossy=int(lossy.sum()),
        formats={str(name): int(count) for name, count in formats[lossy].value_counts().items()},
        jpeg_quality_median=float(quality.median()) if len(quality) else None,
        shrink_median=float(shrink.median()),
    )
