"""Settings of a compression study: what is compared."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from models import Settings
from shards import Encoding
from tasks.study.budgets.config import parse_budget

Codec = Annotated[str, Field(max_length=30)]
CLEAN = "original"  # the codec that all others are compared with
CODECS = (CLEAN, "png", "jpeg:95", "jpeg:75", "jpeg:50", "jpeg:30", "jpeg:15", "webp:75", "avif:50", "gif")


class StudyConfig(Settings):
    """Which codecs are compared, and how many trainings are done on each."""

    codecs: tuple[Codec, ...] = Field(
        CODECS,
        min_length=1,
        max_length=50,
        title="Codecs",
        description="encodings to compare, as for shard.encoding. All are compared with original, which is "
        "added if missing",
    )
    num_seeds: int = Field(
        1,
        ge=0,
        le=20,
        title="Seeds",
        description="trainings of each codec, with the seeds train.seed, train.seed + 1, ...; differences between "
        "codecs that are smaller than differences between seeds mean nothing. 0: only the images are measured",
    )
    preprocessing: bool = Field(
        True,
        title="Preprocessing",
        description="also measure what resizing filter, decode scale, colour subsampling and value range do to images",
    )
    bytes: tuple[Annotated[str, Field(max_length=30)], ...] = Field(
        (),
        max_length=20,
        title="Budgets",
        description="compare quality per byte instead: for each budget of bytes of training files, such as 50MB or "
        "[1MB, 10MB], as many images of each codec as it affords are trained on; empty: all images of each codec",
    )

    @property
    def budgets(self) -> tuple[int, ...]:
        """The budgets in bytes, the smallest first."""
        return tuple(sorted({parse_budget(text) for text in self.bytes}))

    @field_validator("bytes", mode="before")
    @classmethod
    def _as_list(cls, given: object) -> object:
        return [part for part in given.split(",") if part.strip()] if isinstance(given, str) else given

    @field_validator("bytes")
    @classmethod
    def _are_budgets(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for text in given:
            parse_budget(text)
        return given

    @field_validator("codecs")
    @classmethod
    def _known_and_once(cls, codecs: tuple[str, ...]) -> tuple[str, ...]:
        for codec in codecs:
            Encoding.parse(codec)
        return tuple(dict.fromkeys([CLEAN, *(codec.strip().lower() for codec in codecs)]))

    @model_validator(mode="after")
    def _budgets_are_trained_on(self) -> Self:
        if self.bytes and not self.num_seeds:
            raise ValueError(
                "bytes needs trainings, but num_seeds is 0: set num_seeds to 1 or more, or leave out bytes"
            )
        return self
