"""Settings of a compression study: what is compared."""

from typing import Annotated

from pydantic import Field, field_validator

from models import Settings
from shards import Encoding

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

    @field_validator("codecs")
    @classmethod
    def _known_and_once(cls, codecs: tuple[str, ...]) -> tuple[str, ...]:
        for codec in codecs:
            Encoding.parse(codec)
        return tuple(dict.fromkeys([CLEAN, *(codec.strip().lower() for codec in codecs)]))
