"""A study's measurements put together, codec by codec."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from models.metrics.evaluation import Scores
from models.metrics.scores import Interval
from tasks.study.preprocessing.choice import Choice
from tasks.study.scoring import CodecScores, GeneratorScores
from tasks.study.variants import Cleanliness, Variant

FAMILIES = {"jpeg": "JPEG", "webp": "WebP", "avif": "AVIF", "png": "PNG", "gif": "GIF", "original": "Original"}


@dataclass(frozen=True)
class Distance:
    """A distance with its interval. Over several seeds, the interval goes from the lowest end to the highest."""

    value: float
    low: float
    high: float

    @classmethod
    def over(cls, values: Sequence[float], intervals: Sequence[Interval]) -> "Distance":
        """The mean, and the interval that holds all intervals."""
        mean = sum(values) / len(values)
        ends = [*intervals, (mean, mean)]
        return cls(mean, min(low for low, _ in ends), max(high for _, high in ends))


@dataclass(frozen=True)
class CodecResult:
    """All results of one codec. `trained_as` is the codec with equal pixels whose training is used."""

    variant: Variant
    scores: CodecScores
    trained_as: str
    generators: Sequence[GeneratorScores] = ()
    failures: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The codec for people."""
        return codec_name(self.variant.codec)


@dataclass(frozen=True)
class StudyResults:
    """All results of a study. The first codec is the clean one."""

    dataset: str
    codecs: Sequence[CodecResult]
    choices: Sequence[Choice]
    source: Cleanliness
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def clean(self) -> CodecResult:
        """The codec that all others are compared with."""
        return self.codecs[0]

    @property
    def frechet(self) -> str:
        """The name of the Fréchet distance among the scores."""
        names = self.clean.scores.imitation.values
        return next(name for name in names if name == "FID" or name.startswith("FD-"))

    def share(self, codec: CodecResult) -> float:
        """The codec's bytes, as a share of the clean ones."""
        return codec.variant.bytes_per_image / self.clean.variant.bytes_per_image

    def alone(self, codec: CodecResult) -> Distance:
        """The score of a perfect imitation of the codec's training images."""
        return self._distance([codec.scores.imitation])

    def re_encoded(self, codec: CodecResult) -> float:
        """The distance of the val images in the codec to themselves."""
        return codec.scores.re_encoded.values[self.frechet]

    def trained(self, codec: CodecResult) -> Distance | None:
        """The score of the generators that were trained on the codec; None if none was trained."""
        return self._distance([one.generated for one in codec.generators]) if codec.generators else None

    def saved(self, codec: CodecResult) -> Distance | None:
        """The same, after their images were saved with the codec."""
        return self._distance([one.saved for one in codec.generators]) if codec.generators else None

    def _distance(self, scores: Sequence[Scores]) -> Distance:
        values = [one.values[self.frechet] for one in scores]
        intervals = [one.intervals[self.frechet] for one in scores if self.frechet in one.intervals]
        return Distance.over(values, intervals)


def codec_name(codec: str) -> str:
    """`jpeg:75:444` as `JPEG 75 4:4:4`."""
    family, *rest = codec.split(":")
    words = [":".join(part) if len(part) == 3 and part[0] == "4" else part for part in rest]
    return " ".join([FAMILIES[family], *words])
