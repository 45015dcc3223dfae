"""Thresholds with a stated false positive rate, and how well scores separate two sets."""

import torch

from models.errors import ConfigError


def threshold_at(scores: torch.Tensor, false_positive_rate: float) -> torch.Tensor:
    """The score below which a new trusted image falls with at most this probability, as a 0-dimensional tensor.

    `scores` (N,) are of trusted images that nothing was fitted to. A new image scores below the k-th smallest, with
    k = floor((N + 1) rate), with probability k / (N + 1), whatever the distribution (Vovk et al. 2005, conformal
    prediction). Raises ConfigError where N is too small for the rate.
    """
    place = int((len(scores) + 1) * false_positive_rate)
    if place < 1:
        raise ConfigError(
            f"{len(scores)} trusted images are held out; a false positive rate of {false_positive_rate} needs "
            f"{images_needed(false_positive_rate)}: give more trusted images, or raise shield.false_positive_rate"
        )
    return scores.sort().values[place - 1]


def images_needed(false_positive_rate: float) -> int:
    """The number of held-out images that a threshold for this rate needs."""
    return -int(-1 // false_positive_rate) - 1


def auroc(clean: torch.Tensor, forged: torch.Tensor) -> float:
    """The probability that a clean image scores above a forged one; ties count half. Scores are (N,) and (M,)."""
    ordered = forged.double().sort().values
    below = torch.searchsorted(ordered, clean.double(), right=False)
    up_to = torch.searchsorted(ordered, clean.double(), right=True)
    return float((below + up_to).double().mean() / (2 * len(forged)))


def detection_rate(clean: torch.Tensor, forged: torch.Tensor, false_positive_rate: float = 0.01) -> float:
    """The share of forged images that score below the quantile `false_positive_rate` of the clean ones."""
    return float((forged < torch.quantile(clean.double(), false_positive_rate)).double().mean())
