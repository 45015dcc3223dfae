"""Settings of building, screening and generating datasets. Imports neither torch nor Prefect."""

from typing import Literal

from pydantic import Field

from models import Settings
from shards import ShardConfig
from tasks.registry.config import ModelUri

__all__ = ["GenerateConfig", "ScreenConfig", "ScreenPolicy", "ShardConfig"]


class ScreenPolicy(Settings):
    """How strict the screening is, and which files a person has allowed."""

    false_positive_rate: float = Field(
        0.01,
        gt=0,
        le=0.5,
        title="False positives",
        description="share of genuine images that may be held back; the threshold follows from the trusted images",
    )
    most_lookalikes: int = Field(
        3,
        ge=1,
        le=1_000_000,
        title="Most look-alikes",
        description="re-saved copies of one picture that may come in; with more, all but one are held back as flooding",
    )
    allow: str = Field(
        "",
        max_length=1000,
        title="Allow-list",
        description="text file with one sha256 per line: these files pass whatever the shield says; # begins a comment",
    )


class ScreenConfig(ScreenPolicy):
    """Which images are judged, and by whose shield."""

    source: str = Field(
        title="Source", min_length=1, max_length=4096, description="folder, archive, listing or manifest, as for build"
    )
    model: ModelUri
    workers: int = Field(2, ge=0, le=1024, title="Workers", description="decoder processes; 0 is one per core")


class GenerateConfig(Settings):
    """Which model makes how many images, and into which dataset."""

    model: ModelUri
    dataset: str = Field(
        title="Dataset",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="name of the dataset that is made: lower-case letters, digits, - and _, 64 at most",
    )
    num_images: int = Field(10_000, ge=2, le=10_000_000, title="Images", description="how many images are generated")
    out: str = Field(
        "",
        max_length=1000,
        title="Root",
        description="folder or s3:// URI that gets datasets/; empty: SHARDGAN_HOME, where train finds it by name",
    )
    seed: int = Field(0, ge=0, lt=2**31, title="Seed", description="the same seed gives the same images")
    label: int = Field(
        -1, ge=-1, le=1_000_000, title="Class", description="number of the one class that is made; -1: all in turn"
    )
    truncation: float = Field(
        1.0, ge=0, le=1, title="Truncation", description="scale of the latents: less is more typical and less varied"
    )
    format: Literal["png", "webp", "jpeg"] = Field(
        "png", title="Format", description="how images are stored: png and webp lose nothing, jpeg does"
    )
    val_fraction: float = Field(
        0.1, ge=0, le=0.9, title="Validation share", description="share of the images that goes to the split val"
    )
    workers: int = Field(2, ge=0, le=1024, title="Workers", description="decoder processes; 0 is one per core")
