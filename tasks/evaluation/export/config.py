"""Settings of exporting images. Imports neither torch, MLflow nor Prefect."""

from typing import Literal

from pydantic import Field

from models import Settings
from tasks.registry.config import ModelUri

__all__ = ["ExportConfig"]


class ExportConfig(Settings):
    """The model, the images that it makes, and the folder for them."""

    model: ModelUri
    out: str = Field(
        "",
        max_length=1000,
        title="Folder",
        description="new or empty folder for the files; empty: the model's name and version, in the current folder",
    )
    num_images: int = Field(64, ge=1, le=100_000, title="Images", description="number of images in all")
    classes: str = Field(
        "",
        max_length=10_000,
        title="Classes",
        description="names of classes, separated by commas; empty: all classes in turn",
    )
    seed: int = Field(0, ge=0, lt=2**31, title="Seed", description="the same seed gives the same images")
    truncation: float = Field(
        1.0, ge=0, le=1, title="Truncation", description="scale of the latents; smaller: more typical, less varied"
    )
    format: Literal["png", "webp", "jpeg"] = Field(
        "png", title="Format", description="format of the images: png and webp are lossless, jpeg is lossy"
    )
    grid: bool = Field(True, title="Grid", description="also write grid.png, the same latents for each class")
    frames: int = Field(
        64,
        ge=0,
        le=1000,
        title="Frames",
        description="frames of interpolation.webp, an animation from latent to latent; 0: no animation",
    )
