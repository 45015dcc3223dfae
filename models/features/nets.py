"""The feature nets by name, and the one way to load them."""

from collections.abc import Callable
from pathlib import Path

import torch

from models.errors import FeatureNetError
from models.features.classifier_net import ClassifierNet
from models.features.dinov2 import DinoV2
from models.features.efficientnet import EfficientNetLite0
from models.features.feature_net import FeatureNet
from models.features.inception import Inception

Builder = Callable[[Path, int, str | torch.device], FeatureNet]

TRAINED_ON = 224  # pixels a side, EfficientNet-Lite0
WITH_FILE: dict[str, Builder] = {Inception.name: Inception, DinoV2.name: DinoV2, ClassifierNet.name: ClassifierNet}
FEATURE_NETS = (EfficientNetLite0.name, *WITH_FILE)


def load_feature_net(
    name: str, input_size: int = 0, device: str | torch.device = "cpu", *, weights: Path | None = None
) -> FeatureNet:
    """Load the feature net of that name, in evaluation mode, on the device; input size 0: what it was trained on.

    `weights` is the file of weights of those nets that come without. Raises FeatureNetError for an unknown name, an
    input size that does not suit the net, or weights that are not there.
    """
    if name not in FEATURE_NETS:
        raise FeatureNetError(f"feature net {name!r} is unknown; choose one of {', '.join(FEATURE_NETS)}")
    if name not in WITH_FILE:
        return EfficientNetLite0(input_size or TRAINED_ON, device)
    if weights is None:
        raise FeatureNetError(f"feature net {name} needs a file of weights, and none was named")
    return WITH_FILE[name](weights, input_size, device)
