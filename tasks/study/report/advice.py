"""What a study advises, in one or two sentences: which codec to store, and what it costs."""

import math
from collections.abc import Sequence

from tasks.study.results import CodecResult, Distance, StudyResults

SAVES = 0.98  # of the clean bytes: a codec that takes more than that saves nothing
ONE_SEED = " One training of each codec: another seed can turn close ones around, see study.num_seeds."


def advise(results: StudyResults) -> str:
    """Say in one or two sentences which codec to store, its cost, the lowest good quality, and how sure it is."""
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
        return "No codec here takes fewer bytes than the clean images, so another codec gains nothing."
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
