"""The settings of the sharding stage. One model gives the form, the flags, the YAML file and the record."""

import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from shards.images.recipe import ENCODINGS, FRAMES, Encoding, Recipe, pick_frames
from shards.settings import Settings

DATASET_NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
# Settings that decide how the work is done, but not which bytes are the result.
OPERATIONAL = frozenset(
    {"source", "dataset", "screen", "allow_synthetic", "checks", "workers", "time_limit_seconds", "memory_limit_mb"}
)
LATER = frozenset({"max_frames", "label_member", "marked", "hub_split", "image_width"})

_SMALLEST = 8  # pixels of a side


# Forms check these patterns before a run starts. The validators below give better messages and accept capitals too.
_Q = "([1-9][0-9]?|100)"
ENCODING_PATTERN = f"^(original|png|gif|webp:lossless|(webp|avif):{_Q}|jpeg:{_Q}(:(444|422|420))?)$"
FRAMES_PATTERN = "^(first|all|(every|most):[1-9][0-9]{0,5})$"


class ShardConfig(Settings):
    """What is sharded, and how."""

    model_config = ConfigDict(title="Sharding")

    source: str = Field(
        title="Source",
        min_length=1,
        max_length=4096,
        description="Folder, glob, zip, tar, listing (parquet, csv, tsv, jsonl) or manifest.json; a local path or a "
        "URI: s3://, gs://, az://, https://, or hf:// for a dataset on the Hugging Face Hub.",
        examples=["/data/flowers", "s3://bucket/flowers"],
    )
    dataset: str = Field(
        title="Dataset",
        pattern=DATASET_NAME,
        description="Name of the dataset: lower-case letters, digits, - and _, at most 64 characters.",
        examples=["flowers"],
    )
    resolution: int = Field(
        64,
        ge=8,
        le=4096,
        title="Resolution",
        description="Height of the stored images in pixels. Images are square unless image_width is set. WIDTHxHEIGHT, "
        "such as 96x64, sets both.",
        examples=[32, 64, 128],
    )
    image_width: int = Field(
        0,
        ge=0,
        le=4096,
        title="Image width",
        description="Width of stored images that are not square, in pixels; 0: the same as the resolution.",
        examples=[96, 128],
    )
    channels: Literal[1, 3] = Field(3, title="Channels", description="3 for colour (sRGB), 1 for greyscale.")
    shape: Literal["crop", "random_crop", "fit", "stretch", "keep_aspect", "as_is"] = Field(
        "crop",
        title="Shape",
        description=(
            "crop: the largest centred part with the stored aspect. random_crop: at a random, repeatable place. "
            "fit: the whole image on the background. stretch. keep_aspect: the shorter side gets the resolution. "
            "as_is: no resizing."
        ),
    )
    resample: Literal["lanczos", "box"] = Field("lanczos", title="Filter", description="How images are resized.")
    only_shrink: bool = Field(
        False,
        title="Only shrink",
        description="Images that are smaller than the resolution keep their size.",
    )
    encoding: str = Field(
        "jpeg:95",
        max_length=32,
        json_schema_extra={"pattern": ENCODING_PATTERN},
        title="Encoding",
        description=f"How samples are stored: {ENCODINGS}. original does not change the files.",
    )
    frames: str = Field(
        "first",
        max_length=32,
        json_schema_extra={"pattern": FRAMES_PATTERN},
        title="Frames",
        description=f"Which frames of an animation become samples: {FRAMES}.",
    )
    alpha: Literal["background", "drop"] = Field(
        "background",
        title="Transparency",
        description="background: draw transparent pixels over the background colour. drop: ignore transparency.",
    )
    background: str = Field(
        "#ffffff",
        title="Background",
        pattern=r"^#[0-9a-fA-F]{6}$",
        description="Colour behind transparent pixels and around images with shape=fit, as #rrggbb.",
    )
    labels: Literal["auto", "folders", "strict", "none"] = Field(
        "auto",
        title="Labels",
        description=(
            "auto: from the listing, the shards or dataset.json, otherwise the top folders. folders: only the top "
            "folders. strict: as auto, but stop where auto would drop a class or all labels. none: no labels."
        ),
    )
    path_column: str = Field(
        "path", max_length=200, title="Path column", description="Column of a listing that contains the paths."
    )
    bytes_column: str = Field(
        "",
        max_length=200,
        title="Bytes column",
        description="Column of a parquet listing that contains the image files themselves; empty if there is none.",
    )
    label_column: str = Field(
        "label", max_length=200, title="Label column", description="Column of a listing that contains the classes."
    )
    label_member: str = Field(
        "cls",
        pattern=r"^[^/:]{1,100}(:[^:]{1,100})?$",
        max_length=201,
        title="Label member",
        description=(
            "Which file of a sample in a WebDataset archive contains the class: the end of its name, such as cls, txt "
            "or outputs.txt, or json:KEY for a key of a JSON file."
        ),
    )
    hub_split: str = Field(
        "train",
        pattern=r"^([^/:]{1,100}:)?[^/:]{1,100}$",
        max_length=201,
        title="Split on the Hub",
        description="For hf://: which split of the dataset is read, or CONFIGURATION:SPLIT, such as fr:validation.",
    )
    duplicates: Literal["bytes", "pixels", "near"] = Field(
        "bytes",
        title="Duplicates",
        description="bytes: drop files with the same bytes; pixels: also the same pixels; near: also similar images.",
    )
    near_distance: int = Field(
        4,
        ge=0,
        le=16,
        title="Near distance",
        description="For duplicates=near: how many of the 64 bits of the perceptual hash may differ.",
    )
    val_fraction: float = Field(
        0.1,
        ge=0,
        le=0.9,
        title="Validation share",
        description="Share of the images that goes into the split val.",
    )
    samples_per_shard: int = Field(
        1000, ge=1, le=1_000_000, title="Samples per shard", description="The largest number of images in one tar file."
    )
    shard_mb: int = Field(
        512,
        ge=1,
        le=65_536,
        title="Shard size",
        description="A tar file is closed when it reaches this size, in MiB.",
    )
    min_side: int = Field(
        8,
        ge=1,
        le=65_536,
        title="Smallest side",
        description="Images whose shorter side has fewer pixels are refused.",
    )
    max_aspect: float = Field(
        100.0,
        ge=1,
        le=100_000,
        title="Largest aspect",
        description="The largest allowed ratio of the longer to the shorter side.",
    )
    max_pixels: int = Field(
        64_000_000,
        ge=64,
        le=2_000_000_000,
        title="Most pixels",
        description="Images with more pixels are refused without decoding them.",
    )
    max_file_bytes: int = Field(
        64 * 2**20,
        ge=64,
        le=2**31 - 1,
        title="Largest file",
        description="Files with more bytes are refused without reading them.",
    )
    max_expansion: int = Field(
        5000,
        ge=10,
        le=10_000_000,
        title="Largest expansion",
        description="A file whose pixels need more than this factor of its bytes, and over 1 MB, is refused.",
    )
    max_frames: int = Field(
        2000,
        ge=1,
        le=1_000_000,
        title="Most frames",
        description="A file with more frames that would become samples is refused.",
    )
    damaged: Literal["keep", "refuse"] = Field(
        "keep",
        title="Damaged files",
        description="keep or refuse files that decode completely but have a bad checksum or no end mark.",
    )
    marked: Literal["refuse", "keep", "class"] = Field(
        "refuse",
        title="Marked images",
        description="what happens to images whose metadata say that they were generated (XMP or Content Credentials). "
        "refuse: a generator does not learn from generated images. keep: they are used. class: they get the class "
        "generated.",
    )
    allow_synthetic: bool = Field(
        False,
        title="Allow generated datasets",
        description="the source may be a dataset version that `shardgan generate` made; its images are then kept, "
        "and the lineage names the model.",
    )
    checks: Literal["warn", "stop", "off"] = Field(
        "warn",
        title="Checks",
        description="Whether a new version is compared with the latest one: a class is gone, ten times as many images "
        "or a tenth, all of one codec, many more refused files. warn: it says so; stop: no version is made.",
    )
    screen: str = Field(
        "",
        max_length=4096,
        title="Screen",
        description="Table of verdicts (parquet) whose suspects are quarantined, or models:/name@champion: "
        "`shardgan build` then screens the images with the shield of this model. Empty: no screening.",
    )
    workers: int = Field(2, ge=0, le=1024, title="Workers", description="Decoder processes; 0 means one per core.")
    time_limit_seconds: float = Field(
        30.0,
        gt=0,
        le=3600,
        title="Time limit",
        description="An image that takes more seconds is refused.",
    )
    memory_limit_mb: int = Field(
        1024,
        ge=128,
        le=1_048_576,
        title="Memory limit",
        description="Memory that one decoder process may use, in MiB.",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_size(cls, given: Any) -> Any:
        """Read a resolution such as 96x64 as width and height."""
        if not isinstance(given, dict) or not isinstance(given.get("resolution"), str):
            return given
        match = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", given["resolution"].strip().lower())
        if match is None:
            return given
        if given.get("image_width"):
            raise ValueError(f"resolution {given['resolution']} has a width already: leave out image_width")
        return {**given, "image_width": int(match[1]), "resolution": int(match[2])}

    @field_validator("image_width")
    @classmethod
    def _is_large_enough(cls, width: int, info: ValidationInfo) -> int:
        if 0 < width < _SMALLEST:
            raise ValueError(f"use at least {_SMALLEST} pixels, or 0 for square images")
        # A square has one spelling, so that its dataset version has one name.
        return 0 if width == info.data.get("resolution") else width

    @model_validator(mode="after")
    def _shape_fits_size(self) -> "ShardConfig":
        if self.image_width and self.shape == "keep_aspect":
            raise ValueError(
                f"shape keep_aspect keeps the aspect of each image, so image_width {self.image_width} has no meaning: "
                "use shape crop, random_crop, fit or stretch, or leave out image_width"
            )
        return self

    @field_validator("source")
    @classmethod
    def _expand_home(cls, source: str) -> str:
        if re.match(r"[a-z0-9+.:-]+://[^/]*@", source, re.IGNORECASE):
            raise ValueError(
                "it contains a password, which would be stored with the dataset; put it into the environment"
            )
        if re.search(r"[?&](sig|token|access_token|signature|x-(amz|goog)-signature)=", source, re.IGNORECASE):
            raise ValueError(
                "it contains a signature or a token, which would be stored with the dataset; use a URI of the store "
                "itself, and put the credentials into the environment"
            )
        return source if "://" in source else str(Path(source).expanduser())

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        Encoding.parse(encoding)
        return encoding.strip().lower()

    @field_validator("frames")
    @classmethod
    def _known_frames(cls, frames: str) -> str:
        pick_frames(frames, 1)
        return frames.strip().lower()

    def recipe(self) -> Recipe:
        """Return the settings that decide what happens to one image."""
        red, green, blue = (int(part, 16) for part in re.findall("..", self.background[1:]))
        fields = Recipe.__dataclass_fields__.keys() - {"background"}
        return Recipe(background=(red, green, blue), **{name: getattr(self, name) for name in fields})

    @property
    def size(self) -> str:
        """The size of stored images in words: "64" for squares of 64 pixels, "96x64" for other shapes."""
        return f"{self.image_width}x{self.resolution}" if self.image_width else str(self.resolution)

    def content_settings(self) -> dict[str, Any]:
        """Return the settings that change the content of a dataset version, as plain JSON values."""
        # Settings that were added later are left out at their default, so that older versions keep their names.
        later = {name for name in LATER if getattr(self, name) == type(self).model_fields[name].default}
        settings = self.model_dump(mode="json", exclude={*OPERATIONAL, *later})
        # A strict build that is not refused gives what auto gives.
        return settings | ({"labels": "auto"} if self.labels == "strict" else {})

    @property
    def has_labels(self) -> bool:
        """Say whether images get the classes that the source gives them."""
        return self.labels != "none"

    def num_workers(self) -> int:
        """Return the number of decoder processes; 0 becomes the number of cores."""
        return self.workers or os.cpu_count() or 1
