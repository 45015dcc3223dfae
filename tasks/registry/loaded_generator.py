"""A registered version, loaded the way its consumers load it and asked for images through one object."""

import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

import mlflow
import numpy as np
import pandas as pd
import torch
from mlflow.entities.model_registry import ModelVersion
from PIL import Image

from models.grids import to_uint8
from tasks.errors import RegistryError
from tasks.registry.signing import proven_model
from tasks.tracking.model_ref import uri_of

__all__ = ["ANY_CLASS", "EncodedImages", "LoadedGenerator"]

ANY_CLASS = -1  # all classes in turn
IMAGES_A_CALL = 500


class EncodedImages(NamedTuple):
    """Image files, and the class of each; -1 where there are no classes."""

    files: list[bytes]
    labels: list[int]


class LoadedGenerator:
    """A generator behind MLflow's pyfunc interface.

    `model` is what `mlflow.pyfunc.load_model` gives, or anything with the same `predict` and `unwrap_python_model`.
    Images are uint8 arrays of shape (N, C, H, W); the same seed gives the same images on the same device.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        inner = model.unwrap_python_model()
        self.spec: dict[str, Any] = inner.spec
        self.network: torch.nn.Module = inner.generator
        self.device: torch.device = inner.device

    @classmethod
    def load(cls, version: ModelVersion) -> Self:
        """Load a version after its files were verified.

        Raises RegistryError where they are not those that were registered, or cannot be loaded here.
        """
        with proven_model(version) as folder:
            try:
                return cls(mlflow.pyfunc.load_model(str(folder)))
            except Exception as error:  # the version's own code runs here: anything can come up
                raise RegistryError(f"{uri_of(version)} cannot be loaded: {type(error).__name__}: {error}") from error

    @property
    def labels(self) -> list[str]:
        """Names of the classes of the dataset that it was trained on."""
        return list(self.spec["labels"])

    @property
    def num_classes(self) -> int:
        """Number of classes that can be asked for; 0 where the generator is unconditional."""
        return int(self.spec["arguments"]["num_classes"])

    @property
    def resolution(self) -> int:
        return int(self.spec["arguments"]["resolution"])

    @property
    def channels(self) -> int:
        return int(self.spec["arguments"]["channels"])

    @property
    def latent_dim(self) -> int:
        return int(self.spec["arguments"]["latent_dim"])

    @property
    def is_conditional(self) -> bool:
        """Whether it makes images of the class that it is asked for."""
        return self.num_classes > 0

    @property
    def takes_truncation(self) -> bool:
        """Whether truncation can be asked for; versions of old releases do not know it."""
        return "truncation" in self.model.metadata.get_input_schema().input_names()

    def makes(self, labels: Sequence[str]) -> bool:
        """Whether it makes images of every one of these classes, and of no other, when asked for it."""
        return self.is_conditional and self.labels == list(labels)

    def class_number(self, name: str | None) -> int:
        """The number of the class of that name; ANY_CLASS where it has no such class."""
        return self.labels.index(name) if name in self.labels else ANY_CLASS

    def generate(self, num_images: int, seed: int, label: int = ANY_CLASS) -> np.ndarray:
        """Generate images of one class, or of all in turn."""
        return self.generate_rows([{"num_images": num_images, "seed": seed, "label": label}])

    def generate_each(self, seeds: Sequence[int], labels: Sequence[int], truncation: float | None = None) -> np.ndarray:
        """Generate one image for each pair of seed and class, with latents scaled by `truncation` where it is given."""
        scale = {} if truncation is None else {"truncation": float(truncation)}
        pairs = zip(seeds, labels, strict=True)
        return self.generate_rows([{"num_images": 1, "seed": seed, "label": label, **scale} for seed, label in pairs])

    def generate_many(self, num_images: int, seed: int, label: int = ANY_CLASS) -> Iterator[np.ndarray]:
        """Generate images of one class in batches of at most IMAGES_A_CALL; batch number i has the seed `seed + i`."""
        for number, start in enumerate(range(0, num_images, IMAGES_A_CALL)):
            yield self.generate(min(IMAGES_A_CALL, num_images - start), seed + number, label)

    def generate_rows(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Generate the images of several requests, rows as tasks/registry/generator_pyfunc.py describes them."""
        return decode_pngs(self.model.predict(pd.DataFrame(rows))["image"])

    def encode(self, request: dict[str, Any]) -> EncodedImages:
        """Generate the images of one request as files of the `format` that it names."""
        table = self.model.predict(pd.DataFrame([request]))
        return EncodedImages(list(table["image"]), [int(label) for label in table["label"]])

    @torch.no_grad()
    def render(self, latents: torch.Tensor, labels: torch.Tensor | None = None) -> np.ndarray:
        """Run the network on latents (N, latent_dim) and, where it is conditional, labels (N,)."""
        classes = None if labels is None else labels.to(self.device)
        return np.asarray(to_uint8(self.network(latents.to(self.device), classes)).cpu().numpy())


def decode_pngs(pictures: Sequence[bytes]) -> np.ndarray:
    """Decode PNG files of one size to uint8 (N, C, H, W)."""
    batch = np.stack([np.asarray(Image.open(io.BytesIO(data), formats=["PNG"])) for data in pictures])
    return batch[:, None] if batch.ndim == 3 else np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
