"""Settings of building, screening and generating datasets. Imports neither torch nor Prefect."""

from typing import Literal

from pydantic import Field

from models import Settings
from shards import ShardConfig
from shards.images.containers.marking import LAW
from tasks.registry.config import ModelUri

__all__ = ["CollectionConfig", "DriftPolicy", "GenerateConfig", "ScreenConfig", "ScreenPolicy", "ShardConfig"]


class ScreenPolicy(Settings):
    """The strictness of the screening, and the files that a person has allowed."""

    false_positive_rate: float = Field(
        0.01,
        gt=0,
        le=0.5,
        title="False positives",
        description="share of genuine images that may be held back; the trusted images determine the threshold",
    )
    most_lookalikes: int = Field(
        3,
        ge=1,
        le=1_000_000,
        title="Most look-alikes",
        description="accepted number of re-saved copies of one picture; if there are more, all but one are held back",
    )
    allow: str = Field(
        "",
        max_length=1000,
        title="Allow-list",
        description="text file with one sha256 per line: these files always pass; # begins a comment",
    )


class ScreenConfig(ScreenPolicy):
    """The images to judge, and the model whose shield judges them."""

    source: str = Field(
        title="Source", min_length=1, max_length=4096, description="folder, archive, listing or manifest, as for build"
    )
    model: ModelUri
    workers: int = Field(2, ge=0, le=1024, title="Workers", description="decoder processes; 0 is one per core")


class SourceConfig(ShardConfig):
    """How a build would read a source and store its images. The source itself is named elsewhere."""

    source: str = Field("", max_length=4096, title="Source", description="not used: give --source")
    dataset: str = Field("collection", max_length=64, title="Dataset", description="not used")


class CollectionConfig(Settings):
    """The collection whose compression is looked at."""

    source: str = Field(
        "",
        max_length=4096,
        title="Source",
        description="images whose compression to look at: folder, archive, listing or manifest, as for build; empty: "
        "the installation is checked instead",
    )
    sample: int = Field(
        200, ge=1, le=1_000_000, title="Sample", description="number of files whose headers are read, chosen at random"
    )
    sample_pixels: int = Field(
        48,
        ge=0,
        le=10_000,
        title="Sample of pixels",
        description="number of files of lossless formats that are decoded, to look for traces of JPEG in their pixels; "
        "0: none",
    )
    shard: SourceConfig = Field(
        SourceConfig(), title="Sharding", description="how a build would read the source and store its images"
    )

    def as_shard(self) -> ShardConfig:
        """Return the settings of a build of the source."""
        return ShardConfig.model_validate(self.shard.model_dump() | {"source": self.source, "dataset": "collection"})


class DriftPolicy(Settings):
    """When new files are worth a training."""

    min_new: int = Field(
        100,
        ge=1,
        le=1_000_000_000,
        title="Least new images",
        description="with fewer new images, nothing is trained, whatever they show",
    )
    growth: float = Field(
        0.5,
        gt=0,
        le=1000,
        title="Growth",
        description="new images, as a share of the champion's dataset, that are worth a training even if they are like "
        "the known ones",
    )
    ratio: float = Field(
        1.5,
        ge=1,
        le=1000,
        title="Distance",
        description="distance of the new images from the champion's dataset, relative to that between random halves of "
        "this dataset, that is worth a training; about 1 for images of the same kind",
    )
    min_class: int = Field(
        20,
        ge=1,
        le=1_000_000_000,
        title="Least images of a new class",
        description="new files of a class that the champion does not know, which are worth a training",
    )
    sample: int = Field(
        500,
        ge=10,
        le=10_000,
        title="Sample",
        description="number of new files that are decoded and compared, chosen at random",
    )
    start: Literal["on", "off"] = Field(
        "on",
        title="Start the training",
        description="on: if it is worth it, the pipeline runs at once; off: only the advice is given",
    )


class GenerateConfig(Settings):
    """The model, the number of images, and the dataset for them."""

    model: ModelUri
    dataset: str = Field(
        title="Dataset",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="name of the new dataset: lower-case letters, digits, - and _, at most 64 characters",
    )
    num_images: int = Field(10_000, ge=2, le=10_000_000, title="Images", description="number of images to generate")
    out: str = Field(
        "",
        max_length=1000,
        title="Root",
        description="folder or s3:// URI for datasets/; empty: SHARDGAN_HOME, where train finds the dataset by name",
    )
    seed: int = Field(0, ge=0, lt=2**31, title="Seed", description="the same seed gives the same images")
    label: int = Field(
        -1, ge=-1, le=1_000_000, title="Class", description="number of the class to generate; -1: all classes in turn"
    )
    truncation: float = Field(
        1.0, ge=0, le=1, title="Truncation", description="scale of the latents; smaller: more typical, less varied"
    )
    format: Literal["png", "webp", "jpeg"] = Field(
        "png", title="Format", description="format of the stored images: png and webp are lossless, jpeg is lossy"
    )
    mark: Literal["xmp", "c2pa", "off"] = Field(
        "xmp",
        title="Mark",
        description="xmp: the files say in their metadata that they are generated, by which model and seed; c2pa: they "
        "are also signed with your certificate, and the same seed does not give the same bytes; off: they say nothing. "
        + LAW,
    )
    val_fraction: float = Field(
        0.1, ge=0, le=0.9, title="Validation share", description="share of the images for the split val"
    )
    workers: int = Field(2, ge=0, le=1024, title="Workers", description="decoder processes; 0 is one per core")
