"""The only code file of a registered model. MLflow stores a copy beside the weights and runs it on loading.

It imports nothing of this repository. The network's class comes from the artifact `network.py`, and what marks files
as generated from `marking.py`. Both are loaded under private names, so that no package called `models` or the like
appears on the consumer's path.

Input: a table with one row for each request.
    num_images  1 to 100,000, and no more than that in the whole table
    seed        from 0; image number i of a seed is the same bytes whatever else is asked for (on one device)
    label       optional: class by number; -1 or left out: all classes in turn; without effect where there are none
    truncation  optional, 0 to 1 (left out: 1): latents z ~ N(0, I) are scaled towards their mean, z <- truncation * z.
                Less is more typical and less varied; 0 is the mean image. It is the interpolation of Karras et al.
                2019 (StyleGAN, appendix on the truncation trick) done in z, whose mean is 0; Brock et al. 2019 (BigGAN,
                section 3.1) draw numbers beyond a bound anew instead, which takes ever longer as the bound nears 0.
    format      optional: png (left out), jpeg (quality 95) or webp (lossless)
Output: one row for each image, with `image` (the file's bytes), `seed` and `label` (-1 where there are no classes).
Every file says in its XMP metadata that it was generated, by which model and from which seed. SHARDGAN_MARK=off in the
environment of the process switches that off; the EU AI Act, Article 50(2), requires such a mark.
"""

import hashlib
import importlib.util
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel
from PIL import Image
from safetensors.torch import load_file

MAX_IMAGES = 100_000
MAX_SEED = 2**63 - 1
# Latents are drawn and images are made in blocks of this size, and the last block is filled up. Kernels round
# differently at different batch sizes, and torch draws normal numbers sixteen at a time.
BLOCK_SIZE = 16
ANY_LABEL = -1
FORMATS: dict[str, dict[str, Any]] = {"png": {}, "jpeg": {"quality": 95}, "webp": {"lossless": True}}


class Request(NamedTuple):
    """One checked row: latents (N, latent_dim), labels (N,), and how its images are encoded."""

    seed: int
    truncation: float
    z: torch.Tensor
    labels: np.ndarray
    format: str


class GeneratorModel(PythonModel):
    """A trained generator: numbers in, compressed images out. A seed always gives the same bytes on the same device."""

    def load_context(self, context: Any) -> None:
        """Check the artifacts' hashes, then build the network and fill in its weights."""
        paths = {name: Path(path) for name, path in context.artifacts.items()}
        self.spec = json.loads(paths["spec"].read_text())
        for name, expected in self.spec["sha256"].items():
            found = hashlib.sha256(paths[name].read_bytes()).hexdigest()
            if found != expected:
                raise ValueError(f"artifact {name} is damaged: sha256 {found[:12]}, expected {expected[:12]}")
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.generator = _load_file(paths["network"]).Generator(**self.spec["arguments"])
        self.generator.load_state_dict(load_file(paths["weights"]))
        self.generator.eval().to(self.device)
        self.marking = _load_file(paths["marking"])
        self.marks_images = True  # shardgan's own programs mark files themselves, with the number of the version

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Generate the images that the rows ask for. Raises ValueError when a value is out of bounds."""
        rows: list[dict[Any, Any]] = model_input.to_dict("records")
        if not rows:
            raise ValueError("the table is empty: expected a row with num_images and seed")
        _check_numbers([row["num_images"] for row in rows])
        requests = [self._read(row) for row in rows]
        images = self._make(torch.cat([one.z for one in requests]), np.concatenate([one.labels for one in requests]))
        return pd.DataFrame(
            [
                (self._file(next(images), request, number, int(label)), request.seed, label)
                for request in requests
                for number, label in enumerate(request.labels)
            ],
            columns=["image", "seed", "label"],
        )

    def _file(self, image: np.ndarray, request: Request, number: int, label: int) -> bytes:
        data = _encode(image, request.format)
        if not self.marks_images:
            return data
        mark = self.marking.Mark(
            model=self.spec["model"],
            weights_sha256=self.spec["sha256"]["weights"],
            seed=request.seed,
            number=number,
            label=None if label == ANY_LABEL else label,
            truncation=None if request.truncation == 1 else request.truncation,
        )
        marked: bytes = self.marking.mark_image(data, mark)
        return marked

    def _read(self, row: dict[Any, Any]) -> Request:
        num_images, seed = int(row["num_images"]), int(row["seed"])
        if not 0 <= seed <= MAX_SEED:
            raise ValueError(f"seed is {seed}; expected 0 to {MAX_SEED}")
        truncation = float(_given(row, "truncation", 1.0))
        if not 0 <= truncation <= 1:
            raise ValueError(f"truncation is {truncation}; expected 0 to 1")
        name = str(_given(row, "format", "png"))
        if name not in FORMATS:
            raise ValueError(f"format is {name!r}; expected {', '.join(FORMATS)}")
        z = truncation * self._draw(num_images, seed)
        return Request(seed, truncation, z, self._labels(num_images, int(_given(row, "label", ANY_LABEL))), name)

    def _labels(self, num_images: int, label: int) -> np.ndarray:
        num_classes = self.spec["arguments"]["num_classes"]
        if not num_classes:
            return np.full(num_images, ANY_LABEL)
        if label == ANY_LABEL:
            labels: np.ndarray = np.arange(num_images) % num_classes
            return labels
        if not 0 <= label < num_classes:
            raise ValueError(
                f"label is {label}; expected 0 to {num_classes - 1} ({self.spec['labels']}) or {ANY_LABEL}"
            )
        return np.full(num_images, label)

    def _draw(self, num_images: int, seed: int) -> torch.Tensor:
        random = torch.Generator().manual_seed(seed)
        blocks = range(0, num_images, BLOCK_SIZE)
        z = [torch.randn(BLOCK_SIZE, self.generator.latent_dim, generator=random) for _ in blocks]
        return torch.cat(z)[:num_images]

    @torch.no_grad()
    def _make(self, z: torch.Tensor, labels: np.ndarray) -> Iterator[np.ndarray]:
        """Yield one uint8 image (C, H, W) for each row of `z`."""
        classes = torch.from_numpy(labels.astype(np.int64)) if self.generator.num_classes else None
        for start in range(0, len(z), BLOCK_SIZE):
            part = slice(start, start + BLOCK_SIZE)
            images = self.generator(self._block(z[part]), None if classes is None else self._block(classes[part]))
            pixels = (images * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
            yield from pixels[: len(z[part])]

    def _block(self, part: torch.Tensor) -> torch.Tensor:
        filling = part.new_zeros(BLOCK_SIZE - len(part), *part.shape[1:])
        return torch.cat([part, filling]).to(self.device)


def _check_numbers(numbers: list[Any]) -> None:
    for number in numbers:
        if not 1 <= number <= MAX_IMAGES:
            raise ValueError(f"num_images is {number}; expected 1 to {MAX_IMAGES}")
    if sum(numbers) > MAX_IMAGES:
        raise ValueError(f"num_images is {sum(numbers)} in all rows together; expected {MAX_IMAGES} at most")


def _given(row: dict[Any, Any], name: str, default: Any) -> Any:
    value = row.get(name)
    return default if value is None or pd.isna(value) else value


def _load_file(path: Path) -> ModuleType:
    """Load the Python file at `path` under a private name, without adding a module to sys.modules."""
    module_spec = importlib.util.spec_from_file_location(f"_shardgan_{path.stem}", path)
    if module_spec is None or module_spec.loader is None:
        raise ValueError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    return module


def _encode(image: np.ndarray, name: str) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(image[0] if image.shape[0] == 1 else image.transpose(1, 2, 0))
    picture.save(buffer, name.upper(), **FORMATS[name])
    return buffer.getvalue()


set_model(GeneratorModel())
