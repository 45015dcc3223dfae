"""Diversity: how far apart generated images are in a judge's features, relative to real images.

The mean distance of pairs says whether a generator has collapsed: one image repeated has diversity 0, real images have
about 1. It is measured over all images, and within each class, because a generator can make one image per class and
still look diverse over all. It does not notice copies: 20 images that are each repeated are on average 95 % as far
apart as 20 images that are not (recall, coverage and `memorised` notice those).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

Features = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]

MOST_IMAGES = 1000  # of each set: half a million distances, which take less than a second
LEAST_IMAGES = 8  # of a class on both sides; the mean distance of fewer images says little


@dataclass(frozen=True)
class Diversity:
    """Mean distance of pairs of generated images over that of real images: over all, and within each class by number.

    `by_class` holds the classes that have enough images on both sides; it is empty without classes.
    """

    overall: float
    by_class: Mapping[int, float]
    within: float | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Read what `as_row` gave."""
        by_class = {int(label): float(value) for label, value in row["by_class"].items()}
        return cls(float(row["overall"]), by_class, row["within"])

    def as_row(self) -> dict[str, Any]:
        """Give the values in the form of JSON."""
        by_class = {str(label): value for label, value in self.by_class.items()}
        return {"overall": self.overall, "within": self.within, "by_class": by_class}

    def below(self, share: float) -> dict[str, float]:
        """The parts whose diversity is below `share`, lowest first: "all images" and "class 3"."""
        parts = {"all images": self.overall, **{f"class {label}": value for label, value in self.by_class.items()}}
        return {name: parts[name] for name in sorted(parts, key=parts.__getitem__) if parts[name] < share}


def measure_diversity(
    generated: Features, real: Features, labels: tuple[Labels, Labels] | None = None
) -> Diversity | None:
    """Compare features of generated images [N, C] with those of real images [M, C].

    `labels` are the classes of the generated images [N] and of the real ones [M]. `within` is the mean over the
    classes, each counted by its generated images. Returns None where there is nothing to compare: fewer than
    LEAST_IMAGES images on one side, or real images that are all the same.
    """
    if min(len(generated), len(real)) < LEAST_IMAGES or not (whole := mean_distance(real)):
        return None
    by_class, counts = {}, []
    for label in np.unique(labels[0]).tolist() if labels else []:
        mine, theirs = (
            features[numbers == label] for features, numbers in zip((generated, real), labels or (), strict=True)
        )
        if min(len(mine), len(theirs)) >= LEAST_IMAGES and (apart := mean_distance(theirs)):
            by_class[int(label)] = mean_distance(mine) / apart
            counts.append(len(mine))
    within = float(np.average(list(by_class.values()), weights=counts)) if by_class else None
    return Diversity(mean_distance(generated) / whole, by_class, within)


def mean_distance(features: Features) -> float:
    """The mean Euclidean distance of all pairs of features [N, C]. Of more than MOST_IMAGES, evenly spaced ones count.

    Distances are computed from differences, because |a|² + |b|² - 2ab would lose those of images that hardly differ.
    """
    places = np.linspace(0, len(features) - 1, min(len(features), MOST_IMAGES)).round().astype(int)
    return float(torch.pdist(torch.from_numpy(np.ascontiguousarray(features[places]))).double().mean())
