"""The names of scores under two feature nets: the first judge, and a second one that is independent of it.

The distances of a score name its feature net ("FD-MobileNetV2"). Shares of the first judge have short names ("recall"),
those of the second judge end with its label ("recall-MobileNetV2"). Imports no torch.
"""

from collections.abc import Iterable
from typing import Final

__all__ = ["FIRST_JUDGE", "SECOND_JUDGE", "SECOND_SCORE", "base_name", "is_of", "label_of", "second_name"]

FIRST_JUDGE: Final = "efficientnet-lite0"
SECOND_JUDGE: Final = "mobilenetv2"
LABELS = {FIRST_JUDGE: "EffNetLite0", SECOND_JUDGE: "MobileNetV2"}  # as in the classes of models/features
SECOND_SCORE = f"FD-{LABELS[SECOND_JUDGE]}"  # the score that decides by default


def label_of(second: str) -> str:
    """The part of a score's name that says it is of this second judge. Empty for a net that cannot be one."""
    return LABELS.get(second, "")


def second_name(name: str, label: str) -> str:
    """The name of the second judge's score: "recall" gives "recall-MobileNetV2", distances keep theirs."""
    return name if is_of(name, label) else f"{name}-{label}"


def is_of(name: str, label: str) -> bool:
    """Whether a score has this label in its name."""
    return bool(label) and label in name.split("-")


def base_name(name: str, labels: Iterable[str] = tuple(LABELS.values())) -> str:
    """The name without the label of a judge: "recall-MobileNetV2" gives "recall"."""
    return "-".join(part for part in name.split("-") if part not in set(labels))
