"""One sentence of advice for a collection: the setting, what its compression costs, and the figures behind both."""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict

from models.networks.names import RESOLUTIONS, check_resolution, fitting_size
from tasks.datasets.compression import evidence
from tasks.datasets.compression.collection import COARSE, LOSSY_WEBP, OTHER_WEBP, Collection
from tasks.datasets.compression.words import describe, median_of

WORTH = 0.1  # a smaller share of coarse files is not worth a setting
MIXED = 0.95  # from this share on, the coarse files count as the whole collection
TRACED, LEAST_TRACED = 0.05, 3  # share and number of images with traces from which a collection counts as decoded JPEG
MEASURED = 40  # up to this quality, robust training was measured at a quality near enough
SEVERAL = 1.05  # a stored pixel of this many file pixels or more is scaled down
CROPS, MUCH_LOST = ("crop", "random_crop"), 0.2  # share of the pixels of a file
OFF, KNOWN, LEARNED = "off", "known", "learned"
STUDY = "`shardgan study` measures it on your images"


class Advice(BaseModel):
    """What to do with a collection. `settings` are those to give; empty where the defaults are right."""

    model_config = ConfigDict(frozen=True)

    found: list[str]
    cost: str
    advice: str
    evidence: str
    settings: dict[str, str]
    shape: str = ""

    def facts(self) -> list[tuple[str, str]]:
        """Give the advice as (name, value) pairs of plain text, in the order in which a person reads them."""
        rows = [("compression", " ".join(self.found)), ("cost", self.cost), ("advice", self.advice)]
        shape = [("shape", self.shape)] if self.shape else []
        return [*rows, *([("evidence", self.evidence)] if self.evidence else []), *shape]

    def summary(self) -> list[tuple[str, str]]:
        """Give the same pairs, without the figures where nothing is to be done."""
        return [pair for pair in self.facts() if self.settings or pair[0] in ("compression", "advice", "shape")]


class _Part(BaseModel):
    """The advice without what was found."""

    cost: str
    advice: str
    evidence: str = ""
    settings: dict[str, str] = {}


def advise(found: Collection, size: str, shape: str = "") -> Advice:
    """Say what to do with a collection that a build stores at `size`, such as 64 or 96x64, with shard.shape=`shape`."""
    about_shape = advise_on_shape(found.aspect, size) if shape in CROPS and found.aspect else ""
    return Advice(found=describe(found), shape=about_shape, **_advise(found, size).model_dump())


def advise_on_shape(aspect: float, size: str) -> str:
    """A sentence if a crop leaves out much of the files, and another shape would keep it; empty else.

    `aspect` is the median ratio of their width to their height.
    """
    width, _, height = size.partition("x")
    stored = int(width), int(height or width)
    if min(stored) not in RESOLUTIONS:
        return ""
    better = fitting_size(aspect, min(stored))
    lost, would_lose = (1 - _kept(aspect, one[0] / one[1]) for one in (stored, better))
    if lost < MUCH_LOST or would_lose > lost / 2:
        return ""
    ratio = f"{aspect:.3g} times as wide as high" if aspect > 1 else f"{1 / aspect:.3g} times as high as wide"
    return (
        f"In the median, the files are {ratio}, and the crop leaves out {100 * lost:.0f} % of their pixels. "
        f"shard.resolution={better[0]}x{better[1]} leaves out {100 * would_lose:.0f} %."
    )


def _kept(aspect: float, stored: float) -> float:
    return min(aspect / stored, stored / aspect)


def _advise(found: Collection, size: str) -> _Part:
    traces = found.traces
    if not found.num_known:
        return _Part(cost="Not known.", advice="No file could be read as an image. See the reasons.")
    if found.share(found.num_coarse) >= WORTH:
        unmoved = found.coarse_unmoved >= found.num_coarse / 2
        return _use_known(found) if unmoved else _scaled(found, size)
    if traces and traces.num_coarse >= max(LEAST_TRACED, TRACED * traces.num_looked):
        return _use_learned(found, traces.qualities)
    if found.jpeg_qualities:
        return _fine_jpeg(found)
    if any(name in found.formats for name in (LOSSY_WEBP, OTHER_WEBP, "AVIF")):
        return _other_codec(found)
    if found.formats.get("GIF", 0):
        return _gif()
    return _Part(
        cost="None that the files show.",
        advice=(
            "Nothing to do: the files lose nothing, and train.compression=off is right."
            if traces
            else "Nothing to do, if the files were never JPEG files: train.compression=off is right."
        ),
    )


def _use_known(found: Collection) -> _Part:
    quality = _coarse(found.jpeg_qualities)
    return _Part(
        cost=_cost(quality),
        advice=_sentences(
            "Train with train.compression=known and leave train.consistency as it is: each generated image is then "
            "compressed like one of the files before it is compared with them, so the generator learns what they "
            "were before",
            *_limits(found, quality),
        ),
        evidence=_sentences(evidence.gain_of_known(quality), _without_consistency()),
        settings={"train.compression": KNOWN},
    )


def _cost(quality: float) -> str:
    return _sentence(evidence.cost_of_coarse(quality) if quality <= MEASURED else evidence.cost_of("JPEG 50"))


def _limits(found: Collection, quality: float) -> Iterator[str]:
    """Yield what the tables do not cover."""
    share = found.share(found.num_coarse)
    if share < MIXED:
        yield (
            "No table covers a mixture: the figures are for collections that are coarse as a whole, and here "
            f"{100 * share:.0f} % are"
        )
    if quality > MEASURED:
        yield "Known was not measured above JPEG 30: train once with it and once without, and compare"
    if found.rescaled + found.resaved > found.num_coarse / 2:
        yield "The tables of a file that was compressed twice tell only of the last time"


def _use_learned(found: Collection, qualities: Mapping[int, int]) -> _Part:
    quality = _coarse(qualities)
    stored = "Build without scaling and with shard.encoding=png, because scaling and JPEG remove the traces"
    return _Part(
        cost=_cost(quality),
        advice=_sentences(
            "Train with train.compression=learned: the files are lossless, but their pixels were a coarse JPEG before, "
            "and this setting estimates its quality from pixels",
            stored,
        ),
        evidence=_sentence(evidence.gain_of_learned()),
        settings={"train.compression": LEARNED},
    )


def _scaled(found: Collection, size: str) -> _Part:
    theirs, count = next(iter(found.coarse_sizes.items()))
    width, _, height = theirs.partition("x")
    unscaled = width if width == height else theirs
    quality = _coarse(found.jpeg_qualities)
    if (width == height or _can_be_made(int(width), int(height))) and count >= MIXED * found.num_coarse:
        return _Part(
            cost=_cost(quality),
            advice=_sentences(
                f"Build with shard.resolution={unscaled} shard.encoding=original and train with "
                f"train.compression=known: at shard.resolution={size} the build scales the files, and then their "
                "tables no longer describe the pixels",
                *_limits(found, quality),
            ),
            evidence=_sentences(evidence.gain_of_known(quality), _without_consistency()),
            settings={
                "shard.resolution": unscaled,
                "shard.encoding": "original",
                "train.compression": KNOWN,
            },
        )
    how = f"scales them down {found.scale:.1f} times in the median" if _shrinks(found) else "scales or crops them"
    return _Part(
        cost=_sentences(
            "Not known: no table covers files that are scaled after they were compressed",
            "Shrinking averages the losses; enlarging keeps them" if _shrinks(found) else "",
        ),
        advice=_sentences(
            f"Leave train.compression=off: at shard.resolution={size} the build {how}, and then neither known "
            "nor learned can recognise the compression",
            "Look for larger or finer originals",
        ),
    )


def _can_be_made(width: int, height: int) -> bool:
    """Whether networks can make images of this size."""
    try:
        check_resolution(height, width)
    except ValueError:
        return False
    return True


def _fine_jpeg(found: Collection) -> _Part:
    measured = "JPEG 95" if median_of(found.jpeg_qualities) >= 85 else "JPEG 75"
    few = ""
    if found.num_coarse:
        few = f"{found.num_coarse:,} coarse files are too few for a setting; leave them out if they look bad"
    return _Part(
        cost=_sentence(f"None that could be measured: {evidence.cost_of(measured)}"),
        advice=_sentences("Nothing to do: train.compression=off is right", few),
        evidence=_sentence(
            f"{measured} was no worse than clean files beyond the intervals on digits ({evidence.DIGITS})"
        ),
    )


def _other_codec(found: Collection) -> _Part:
    webp = sum(found.formats.get(name, 0) for name in (LOSSY_WEBP, OTHER_WEBP)) >= found.formats.get("AVIF", 0)
    measured = "WebP 75" if webp else "AVIF 50"
    coarse = webp and found.webp_qualities and median_of(found.webp_qualities) < COARSE
    known = "Not known at this quality, and none" if coarse else "None"
    return _Part(
        cost=_sentence(f"{known} that could be measured at {measured}: {evidence.cost_of(measured)}"),
        advice=_sentences(
            "Nothing to do: train.compression=off is right, because the other modes know only JPEG",
            f"Lower qualities than {measured} were not measured; {STUDY}",
        ),
    )


def _gif() -> _Part:
    return _Part(
        cost=_sentence(
            f"None that could be measured at 32 pixels, where 256 colours nearly suffice: {evidence.cost_of('GIF')}"
        ),
        advice=_sentences(
            "Nothing to do: train.compression=off is right, and no setting knows palettes",
            f"Larger pictures and smaller palettes were not measured; {STUDY}",
        ),
    )


def _without_consistency() -> str:
    values = evidence.NO_CONSISTENCY
    return (
        f"With train.consistency=0 it was {values['digits']:.0f} on digits and {values['emoji']:.0f} on emoji at "
        "JPEG 15; by the kernel distance, known gains nothing on emoji"
    )


def _shrinks(found: Collection) -> bool:
    return found.scale is not None and found.scale >= SEVERAL


def _coarse(qualities: Mapping[int, int]) -> float:
    """Return the median quality of the coarse files."""
    return median_of({quality: count for quality, count in qualities.items() if quality < COARSE})


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _sentences(*texts: str) -> str:
    return " ".join(_sentence(text) for text in texts if text)
