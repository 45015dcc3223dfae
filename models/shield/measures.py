"""Thresholds with a stated rate of false alarms, and how well scores tell two sets apart."""

import torch

from models.errors import ConfigError

__all__ = ["auroc", "detection_rate", "images_needed", "threshold_at"]


def threshold_at(scores: torch.Tensor, false_positive_rate: float) -> torch.Tensor:
    """The score below which a new trusted image falls with at most this probability; () of the same kind.

    `scores` (N,) are of trusted images that nothing was fitted to. The k-th smallest, with k = floor((N + 1) rate), is
    undercut with probability k / (N + 1) whatever the distribution is (Vovk et al. 2005, conformal prediction).
    Raises ConfigError where N is too small for the rate.
    """
    place = int((len(scores) + 1) * false_positive_rate)
    if place < 1:
        raise ConfigError(
            f"{len(scores)} trusted images are held out; a false positive rate of {false_positive_rate} needs "
            f"{images_needed(false_positive_rate)}: give more trusted images, or raise shield.false_positive_rate"
        )
    return scores.sort().values[place - 1]


def images_needed(false_positive_rate: float) -> int:
    """How many held-out images a threshold for this rate takes."""
    return -int(-1 // false_positive_rate) - 1


def auroc(clean: torch.Tensor, forged: torch.Tensor) -> float:
    """The probability that a clean image scores above a forged one, ties counting half; scores are (N,) and (M,)."""
    ordered = forged.double().sort().values
    below = torch.searchsorted(ordered, clean.double(), right=False)
    up_to = torch.searchsorted(ordered, clean.double(), right=True)
    return float((below + up_to).double().mean() / (2 * len(forged)))


def detection_rate(clean: torch.Tensor, forged: torch.Tensor, false_positive_rate: float = 0.01) -> float:
    """The share of forged images below the score that this share of the clean ones lies below."""
    return float((forged < torch.quantile(clean.double(), false_positive_rate)).double().mean())
