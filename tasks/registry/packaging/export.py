"""The generator's graph without its code: a torch.export program, and ONNX where the extra `onnx` is installed.

Inputs `z` (N, latent_dim) float32 and, if conditional, `labels` (N,) int64; output `images` (N, C, H, W) in [-1, 1],
with any N. Each file is read back and compared with the network itself. The registered pyfunc does not open them: it
runs the network's own file, with weights in safetensors.
"""

import functools
import importlib
import logging
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from safetensors.torch import load_file
from torch import nn

from models.networks.families import NetworkSpec
from models.training.checkpoints import file_sha256

logger = logging.getLogger(__name__)
ONNX_EXTRA = ("onnx", "onnxscript", "onnxruntime")
# Sums of float32 in another order differ by less than this; one step of a pixel is 0.0078.
MAX_DIFFERENCE = 1e-3
EXAMPLES = 2
CHECKS = 5
# It warns once for each operator of torchvision, which our networks do not use.
NOISE = "torch.onnx._internal.exporter._registration"
Inputs = tuple[torch.Tensor, ...]


class ExportedGraph(BaseModel):
    """One exported file, and the largest difference between its images and the network's, in units of [-1, 1]."""

    model_config = ConfigDict(frozen=True)

    path: Path
    sha256: str
    max_abs_difference: float


def export_graphs(network: NetworkSpec, weights: Path, folder: Path) -> dict[str, ExportedGraph]:
    """Write `generator.pt2` and, with the extra, `generator.onnx` into `folder`; returned as `torch_export`, `onnx`.

    A file that cannot be made, or whose images differ from the network's by more than MAX_DIFFERENCE, is left out with
    a warning: the version is whole without it.
    """
    generator = network.build_networks()["generator"]
    generator.load_state_dict(load_file(weights))
    generator.eval()
    exporters = {"torch_export": _export_torch} | ({"onnx": _export_onnx} if has_onnx() else {})
    trace = functools.cache(lambda: _trace(generator, network))
    graphs = {}
    for name, export in exporters.items():
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")
                graphs[name] = export(trace(), generator, network, folder)
        except Exception as error:  # exporters raise errors of many kinds
            logger.warning("%s was not exported: %s: %s", name, type(error).__name__, error)
    return graphs


def has_onnx() -> bool:
    """Whether the extra `onnx` is installed."""
    return all(find_spec(name) for name in ONNX_EXTRA)


def _trace(generator: nn.Module, network: NetworkSpec) -> Any:
    batch = torch.export.Dim("batch")
    inputs = _inputs(network, EXAMPLES)
    return torch.export.export(generator, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs))


def _export_torch(program: Any, generator: nn.Module, network: NetworkSpec, folder: Path) -> ExportedGraph:
    path = folder / "generator.pt2"
    examples, program.example_inputs = program.example_inputs, None  # torch would write them into the file as a pickle
    torch.export.save(program, path)
    program.example_inputs = examples
    loaded = torch.export.load(path).module()
    inputs = _inputs(network, CHECKS)
    return _checked(path, loaded(*inputs), generator(*inputs))


def _export_onnx(program: Any, generator: nn.Module, network: NetworkSpec, folder: Path) -> ExportedGraph:
    path = folder / "generator.onnx"
    runtime = importlib.import_module("onnxruntime")
    logging.getLogger(NOISE).setLevel(logging.ERROR)
    names = ["z", "labels"][: len(_inputs(network, 1))]
    exported = torch.onnx.export(program, input_names=names, output_names=["images"], verbose=False)
    exported.save(path, external_data=False)  # type: ignore[union-attr]
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = _inputs(network, CHECKS)
    given = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
    return _checked(path, torch.from_numpy(session.run(None, given)[0]), generator(*inputs))


def _inputs(network: NetworkSpec, count: int) -> Inputs:
    z = torch.randn(count, network.latent_dim, generator=torch.Generator().manual_seed(0))
    return (z, torch.arange(count) % network.num_classes) if network.num_classes else (z,)


def _checked(path: Path, found: torch.Tensor, expected: torch.Tensor) -> ExportedGraph:
    difference = float((found - expected).abs().max())
    if not difference <= MAX_DIFFERENCE:
        raise ValueError(
            f"its images differ from the network's by {difference:.2g}, {MAX_DIFFERENCE:g} at most is allowed"
        )
    return ExportedGraph(path=path, sha256=file_sha256(path), max_abs_difference=difference)
