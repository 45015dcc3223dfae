"""The registered model's one file of code: MLflow copies it beside the weights and runs it where it loads.

It imports nothing of this repository. The network's class comes from the artifact `network.py`, loaded under a
private name, so that no package called `models` or the like appears on the consumer's path. Input: a table with the
columns `num_images`, `seed` and, for conditional models, `label` (-1: all classes in turn). Output: a table with
one row an image: `image` (PNG bytes), `seed`, `label`.
"""

import hashlib
import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel
from PIL import Image
from safetensors.torch import load_file

MAX_IMAGES = 100_000
BATCH_SIZE = 256
ANY_LABEL = -1


class GeneratorModel(PythonModel):
    """A trained generator: numbers in, PNG images out; the same seed gives the same bytes on the same device."""

    def load_context(self, context: Any) -> None:
        """Check the artifacts' hashes, then build the network and fill in its weights."""
        paths = {name: Path(path) for name, path in context.artifacts.items()}
        self.spec = json.loads(paths["spec"].read_text())
        for name, expected in self.spec["sha256"].items():
            found = hashlib.sha256(paths[name].read_bytes()).hexdigest()
            if found != expected:
                raise ValueError(f"artifact {name} is damaged: sha256 {found[:12]}, expected {expected[:12]}")
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.generator = _load_class(paths["network"])(**self.spec["arguments"])
        self.generator.load_state_dict(load_file(paths["weights"]))
        self.generator.eval().to(self.device)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Generate the images that each row of `model_input` asks for."""
        rows = [self._generate(dict(row)) for _, row in model_input.iterrows()]
        return pd.concat(rows, ignore_index=True)

    def _generate(self, row: dict[str, Any]) -> pd.DataFrame:
        num_images, seed = int(row["num_images"]), int(row["seed"])
        if not 1 <= num_images <= MAX_IMAGES:
            raise ValueError(f"num_images is {num_images}; expected 1 to {MAX_IMAGES}")
        labels = self._labels(num_images, row.get("label"))
        images = self.sample(num_images, seed, labels)
        return pd.DataFrame({"image": [_png(image) for image in images], "seed": seed, "label": labels})

    def _labels(self, num_images: int, label: Any) -> np.ndarray:
        num_classes = self.spec["arguments"]["num_classes"]
        if label is None or pd.isna(label) or int(label) == ANY_LABEL or not num_classes:
            return np.arange(num_images) % num_classes if num_classes else np.full(num_images, ANY_LABEL)
        if not 0 <= int(label) < num_classes:
            raise ValueError(
                f"label is {label}; expected 0 to {num_classes - 1} ({self.spec['labels']}) or {ANY_LABEL}"
            )
        return np.full(num_images, int(label))

    @torch.no_grad()
    def sample(self, num_images: int, seed: int, labels: np.ndarray) -> np.ndarray:
        """uint8 images (N, C, H, W); all latents are drawn at once, so no batch size changes them."""
        z = torch.randn(num_images, self.generator.latent_dim, generator=torch.Generator().manual_seed(seed))
        classes = torch.from_numpy(labels.astype(np.int64)) if self.generator.num_classes else None
        images = []
        for start in range(0, num_images, BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            batch = self.generator(z[part].to(self.device), None if classes is None else classes[part].to(self.device))
            images.append((batch * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy())
        return np.concatenate(images)


def _load_class(path: Path) -> Any:
    """The class Generator of the file at `path`, without a trace in sys.modules."""
    module_spec = importlib.util.spec_from_file_location("_shardgan_network", path)
    if module_spec is None or module_spec.loader is None:
        raise ValueError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    return module.Generator


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image[0] if image.shape[0] == 1 else image.transpose(1, 2, 0)).save(buffer, "PNG")
    return buffer.getvalue()


set_model(GeneratorModel())
