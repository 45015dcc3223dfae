"""What was measured about compressed training images: the figures behind the advice, and the pages that have them.

All are FD-EffNetLite0, distances to clean images, at 32 pixels; lower is better. A test compares them with the pages.
"""

from typing import NamedTuple

RESULTS = "benchmarks/results"
ROBUST, DIGITS, EMOJI = (f"{RESULTS}/{name}.md" for name in ("robust-training", "study-digits", "study-emoji"))
SCORE = "FD-EffNetLite0"


class Robust(NamedTuple):
    """Scores of generators that were trained on JPEG files, and of one that was trained on clean files."""

    collection: str
    plain: float
    known: float
    clean: float


class Studied(NamedTuple):
    """Scores of a generator that was trained on a codec, on digits and on emoji."""

    digits: float
    emoji: float


# By quality; means of three seeds (robust-training.md).
TRAINED_ROBUSTLY = {
    15: (Robust("digits", 166, 101, 85), Robust("emoji", 643, 587, 478)),
    30: (Robust("digits", 118, 91, 85), Robust("emoji", 580, 534, 478)),
}
LEARNED = {"digits": 106.0, "emoji": 615.0}  # at JPEG 15, one seed
NO_CONSISTENCY = {"digits": 122.0, "emoji": 598.0}  # known at JPEG 15, two seeds
# By codec; one seed (study-digits.md, study-emoji.md).
CLEAN = Studied(142, 770)
TRAINED_ON = {
    "JPEG 95": Studied(134, 711),
    "JPEG 75": Studied(149, 754),
    "JPEG 50": Studied(164, 807),
    "WebP 75": Studied(141, 743),
    "AVIF 50": Studied(146, 783),
    "GIF": Studied(142, 758),
}


def nearest_robust(quality: float) -> int:
    """Return the quality nearest to this one at which robust training was measured."""
    return min(TRAINED_ROBUSTLY, key=lambda measured: abs(measured - quality))


def gain_of_known(quality: float) -> str:
    """Say what `known` gained at the measured quality nearest to this one."""
    measured = nearest_robust(quality)
    parts = [
        f"{one.known:.0f} on {one.collection} instead of {one.plain:.0f} (trained on clean files: {one.clean:.0f})"
        for one in TRAINED_ROBUSTLY[measured]
    ]
    return f"at JPEG {measured}, known scores {SCORE} {' and '.join(parts)}; means of three seeds ({ROBUST})"


def gain_of_learned() -> str:
    """Say what `learned` gained at JPEG 15, the only quality at which it was measured."""
    parts = [
        f"{LEARNED[one.collection]:.0f} on {one.collection} instead of {one.plain:.0f}" for one in TRAINED_ROBUSTLY[15]
    ]
    return f"at JPEG 15, learned scores {SCORE} {' and '.join(parts)}; one seed of learned ({ROBUST})"


def cost_of_coarse(quality: float) -> str:
    """Say what plain training on coarse JPEG files cost, at the measured quality nearest to this one."""
    measured = nearest_robust(quality)
    parts = [f"{one.plain:.0f} instead of {one.clean:.0f} on {one.collection}" for one in TRAINED_ROBUSTLY[measured]]
    return (
        f"with plain training, a generator that learns from JPEG {measured} scores {SCORE} {' and '.join(parts)} "
        f"({ROBUST})"
    )


def cost_of(codec: str) -> str:
    """Say how a generator that was trained on this codec of `TRAINED_ON` compares with one trained on clean files."""
    measured = TRAINED_ON[codec]
    return (
        f"a generator that learns from {codec} scores {SCORE} {measured.digits:.0f} instead of {CLEAN.digits:.0f} on "
        f"digits and {measured.emoji:.0f} instead of {CLEAN.emoji:.0f} on emoji; one seed ({DIGITS}, {EMOJI})"
    )
