"""Which scores are better when they are higher, and when two scores count as equal. Imports no torch."""

import math

from models.metrics.judges import base_name

CLASSIFIER_GAIN = "classifier-gain"  # measured by models/classifier/gain.py
# Other processors round otherwise. That changed Fréchet distances by 2e-6 of their value, and kernel distances by 7e-7.
RELATIVE_ROUNDING, ABSOLUTE_ROUNDING = 1e-5, 1e-6
HIGHER = {"precision", "recall", "density", "coverage", "classifier-score", CLASSIFIER_GAIN}


def higher_is_better(name: str) -> bool:
    """Whether a higher value of this score is better; for all other scores, lower is better."""
    return base_name(name) in HIGHER


def same_score(one: float, other: float) -> bool:
    """Whether two scores differ by no more than rounding on another processor could make them differ."""
    return math.isclose(one, other, rel_tol=RELATIVE_ROUNDING, abs_tol=ABSOLUTE_ROUNDING)
