"""The classifier as a feature net: a weights file trained on the dataset itself, and the features before the head."""

import hashlib
import json
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load, save_file

from models.classifier.classifier import Classifier
from models.errors import FeatureNetError
from models.features.feature_net import Array, FeatureNet
from models.features.weights_file import atomic_file
from models.grids import to_float


def save_classifier(net: Classifier, path: Path) -> None:
    """Write weights and constructor arguments as one safetensors file, atomically."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in net.state_dict().items()}
    with atomic_file(path) as unfinished:
        save_file(tensors, unfinished, {"arguments": json.dumps(net.arguments, sort_keys=True)})


class ClassifierNet(FeatureNet):
    """A trained classifier as a feature net. Its features separate the classes of the dataset.

    Raises FeatureNetError for a file that is missing or damaged, or an input size other than the dataset's.
    """

    name = "classifier"
    label = "Classifier"

    def __init__(self, path: Path, input_size: int = 0, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        try:
            content = path.read_bytes()
            with safetensors.safe_open(path, framework="pt") as file:
                arguments = json.loads(file.metadata()["arguments"])
            self.net = Classifier(**arguments)
            self.net.load_state_dict(load(content))
        except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise FeatureNetError(
                f"{path} is not a classifier written by this project ({error}): delete it to train it again"
            ) from error
        self.net.eval().requires_grad_(False).to(self.device)
        self.input_size, self.channels = int(arguments["resolution"]), int(arguments["channels"])
        self.input_shape = self.input_size, int(arguments.get("image_width", 0)) or self.input_size
        if input_size not in (0, self.input_size):
            raise FeatureNetError(
                f"input_size is {input_size}, but the classifier was trained on {self.input_size} pixels a side: "
                "leave it at 0"
            )
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.num_features = self.net.head.in_features

    def extract(self, pixels: torch.Tensor) -> torch.Tensor:
        if pixels.shape[1] != self.channels:
            raise FeatureNetError(f"images have {pixels.shape[1]} channels, but the classifier takes {self.channels}")
        return self.net.features(to_float(pixels))

    def predict(self, features: Array) -> Array:
        """Class probabilities [N, K] of features [N, num_features]."""
        with torch.inference_mode():
            logits: torch.Tensor = self.net.head(torch.from_numpy(features).to(self.device))
            return logits.softmax(1).cpu().numpy()
