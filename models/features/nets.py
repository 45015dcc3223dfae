"""The list of feature nets, and the function that loads one."""

from collections.abc import Callable
from pathlib import Path

import torch

from models.errors import FeatureNetError
from models.features.classifier_net import ClassifierNet
from models.features.dinov2 import DinoV2
from models.features.efficientnet import EfficientNetLite0
from models.features.feature_net import FeatureNet
from models.features.inception import Inception
from models.features.mobilenet import MobileNetV2

Builder = Callable[[Path, int, str | torch.device], FeatureNet]

TRAINED_ON = 224  # input size of EfficientNet-Lite0 and MobileNetV2, pixels a side
IN_PACKAGES: dict[str, Callable[[int, str | torch.device], FeatureNet]] = {
    EfficientNetLite0.name: EfficientNetLite0,
    MobileNetV2.name: MobileNetV2,
}
WITH_FILE: dict[str, Builder] = {Inception.name: Inception, DinoV2.name: DinoV2, ClassifierNet.name: ClassifierNet}
FEATURE_NETS = (*IN_PACKAGES, *WITH_FILE)


def load_feature_net(
    name: str, input_size: int = 0, device: str | torch.device = "cpu", *, weights: Path | None = None
) -> FeatureNet:
    """Load a feature net by name, in evaluation mode; input size 0 means the size it was trained on.

    `weights` is the weights file, for nets whose weights are not in a package. Raises FeatureNetError for an unknown
    name, an unsuitable input size, or missing weights.
    """
    if name not in FEATURE_NETS:
        raise FeatureNetError(f"feature net {name!r} is unknown; choose one of {', '.join(FEATURE_NETS)}")
    if name in IN_PACKAGES:
        return IN_PACKAGES[name](input_size or TRAINED_ON, device)
    if weights is None:
        raise FeatureNetError(f"feature net {name} needs a weights file: name one")
    return WITH_FILE[name](weights, input_size, device)
