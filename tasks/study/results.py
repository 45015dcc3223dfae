"""A study's measurements put together, codec by codec, and read as one sentence of advice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from models.metrics.evaluation import Scores
from models.metrics.scores import Interval
from tasks.study.choices import Choice
from tasks.study.scoring import CodecScores, GeneratorScores
from tasks.study.variants import Cleanliness, Variant

FAMILIES = {"jpeg": "JPEG", "webp": "WebP", "avif": "AVIF", "png": "PNG", "gif": "GIF", "original": "Original"}
SAVES = 0.98  # of the clean bytes: a codec that takes more than that saves nothing
ONE_SEED = " One training of each codec: another seed can turn close ones around, see study.num_seeds."


@dataclass(frozen=True)
class Distance:
    """A distance and the interval it is believed to lie in; over several seeds from the lowest end to the highest."""

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
    """All about one codec; `trained_as` is the codec whose training counts, where the pixels are the same."""

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
    """Everything that was measured; the clean codec is the first."""

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
        """What a perfect imitation of the codec's training images would score."""
        return self._distance([codec.scores.imitation])

    def re_encoded(self, codec: CodecResult) -> float:
        """The distance of the val images in the codec to themselves."""
        return codec.scores.re_encoded.values[self.frechet]

    def trained(self, codec: CodecResult) -> Distance | None:
        """What the generators that learned from the codec score; None where none was trained."""
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


def advise(results: StudyResults) -> str:
    """One sentence or two: which codec to store, what it costs, below what not to go, and whether one seed says so."""
    trained_once = max(len(codec.generators) for codec in results.codecs) == 1
    return _compare(results) + (ONE_SEED if trained_once else "")


def _compare(results: StudyResults) -> str:
    measured = [(codec, results.trained(codec)) for codec in results.codecs]
    if any(distance is None for _, distance in measured):
        measured = [(codec, results.alone(codec)) for codec in results.codecs]
        what = "a perfect imitation of the images"
    else:
        what = "the generator"
    points = [(codec, distance) for codec, distance in measured if distance is not None]
    clean, at_clean = points[0]
    savers = [(c, d) for c, d in points[1:] if c.variant.bytes_per_image < SAVES * clean.variant.bytes_per_image]
    larger = [c.name for c, _ in points[1:] if c.variant.bytes_per_image > clean.variant.bytes_per_image / SAVES]
    more = f" {', '.join(larger)} even {'takes' if len(larger) == 1 else 'take'} more bytes." if larger else ""
    if not savers:
        return "No codec here takes fewer bytes than the clean images: nothing is to be gained by another one."
    close = [(c, d) for c, d in savers if d.value <= at_clean.high]
    worse = [(c, d) for c, d in savers if d.low > at_clean.high]
    best, distance = min(close or savers, key=lambda one: one[0].variant.bytes_per_image if close else one[1].value)
    cost = _cost(best, distance, clean, at_clean, results.frechet, what)
    if close:
        return f"{cost}, no difference that this budget could show. {_limit(savers, worse, at_clean)}{more}"
    if worse:
        return (
            f"No codec saves bytes for nothing: {cost}, the least difference. {_limit(savers, worse, at_clean)}{more}"
        )
    return f"{cost}, the least difference; none here is beyond doubt: train longer, or with more seeds."


def _cost(
    codec: CodecResult, distance: Distance, clean: CodecResult, at_clean: Distance, frechet: str, what: str
) -> str:
    share = codec.variant.bytes_per_image / clean.variant.bytes_per_image
    return (
        f"{codec.name} takes {100 * share:.0f}% of the bytes, and {what} scores {frechet} {_number(distance.value)} "
        f"instead of {_number(at_clean.value)}"
    )


def _limit(
    savers: Sequence[tuple[CodecResult, Distance]],
    worse: Sequence[tuple[CodecResult, Distance]],
    at_clean: Distance,
) -> str:
    if not worse:
        return "None of the codecs is clearly worse; train longer, or with more seeds, to tell them apart."
    largest = sorted(worse, key=lambda one: -one[0].variant.bytes_per_image)
    named = ", ".join(f"{c.name} (+{_number(d.value - at_clean.value)})" for c, d in largest)
    return f"Clearly worse: {named}{_floor(savers, worse)}."


def _floor(savers: Sequence[tuple[CodecResult, Distance]], worse: Sequence[tuple[CodecResult, Distance]]) -> str:
    """`: do not go below JPEG 50`, where all qualities above are as good as clean and all below are clearly worse."""
    jpegs = sorted(
        ((_quality(c), c, d) for c, d in savers if c.variant.codec.startswith("jpeg:")), key=lambda one: -one[0]
    )
    bad = {c.variant.codec for c, _ in worse}
    fine = [codec for _, codec, _ in jpegs if codec.variant.codec not in bad]
    in_order = fine == [codec for _, codec, _ in jpegs[: len(fine)]]
    return f"; do not go below {fine[-1].name}" if fine and in_order and len(fine) < len(jpegs) else ""


def _quality(codec: CodecResult) -> int:
    return int(codec.variant.codec.split(":")[1])


def _number(value: float) -> str:
    digits = max(1 - math.floor(math.log10(abs(value))), 0) if value else 1
    return f"{value:.{min(digits, 3)}f}".replace("-", "−")
