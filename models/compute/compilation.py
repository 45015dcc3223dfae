"""torch.compile: what is compiled, and where compiled code is kept between trainings.

Compiled code supports no second derivative, so a network under an exact gradient penalty is not compiled.
"""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import nn
from torch.utils._pytree import tree_map_only

from models.compute.config import ComputeConfig

logger = logging.getLogger(__name__)
Function = TypeVar("Function", bound=Callable[..., Any])
CACHE = "TORCHINDUCTOR_CACHE_DIR"
BACKEND = "inductor"


def compiles(config: ComputeConfig, device: torch.device) -> bool:
    """Whether code is compiled on `device`: it only helps a GPU."""
    return config.compile and device.type == "cuda"


def compiled(function: Function, backend: str = BACKEND) -> Function:
    """`function`, which is compiled at its first call for each combination of shapes and types."""
    return cast(Function, torch.compile(function, backend=backend, dynamic=False, options=_options(backend)))


def _options(backend: str) -> dict[str, Any] | None:
    """Keep the layout of maps. On a GPU, the compiler otherwise makes maps channels_last, and expects gradients in this
    layout too. In float32, cuDNN returned the gradient of a contiguous one for maps of 4x4 pixels (H200, torch 2.11).
    """
    return {"layout_optimization": False} if backend == BACKEND else None


def compile_methods(network: nn.Module, methods: Sequence[str], backend: str = BACKEND) -> None:
    """Compile the methods of `network` by which an objective calls it. Names and weights stay.

    Methods other than `forward` may get maps of networks that are not compiled. These are made contiguous first: for
    other layouts, PyTorch's rules about the layout of results are not always those of its kernels.
    """
    for name in methods:
        if name == "forward":
            network.compile(backend=backend, dynamic=False, options=_options(backend))
        else:
            setattr(network, name, _on_contiguous(compiled(getattr(network, name), backend)))


def _on_contiguous(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        return function(*tree_map_only(torch.Tensor, torch.Tensor.contiguous, arguments))

    return call


def keep_compiled_code() -> Path | None:
    """Let PyTorch keep compiled code in the user's cache folder. Return the folder, or None if there is none.

    PyTorch's own default is a folder for temporary files, which is empty after each start of the machine. The variable
    TORCHINDUCTOR_CACHE_DIR names another folder.
    """
    if named := os.environ.get(CACHE):
        return Path(named)
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = root / "shardgan" / "compiled"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # in some containers the user has no folder
        logger.info("compiled code is not kept for the next training (%s): set %s to a folder", error, CACHE)
        return None
    os.environ[CACHE] = str(folder)
    return folder
