"""What the benchmark runs on, and whether it can: the first part, without which no other runs."""

import importlib.metadata
import os
import platform
import shutil
from datetime import UTC, datetime

import torch

from benchmarks.gpu.runner import Keep
from benchmarks.gpu.sizes import Sizes
from benchmarks.gpu.trainings import device_of

OLDEST_TORCH = (2, 11)
LEAST_FREE_BYTES = 8 * 2**30
MODULES = ("torch", "numpy", "pydantic", "safetensors", "psutil", "pillow")


def measure(sizes: Sizes, keep: Keep) -> None:
    """Keep versions and the card. Raises RuntimeError where a precondition does not hold."""
    keep("when", datetime.now(UTC).isoformat(timespec="minutes"))
    keep("python", platform.python_version())
    keep("packages", {name: importlib.metadata.version(name) for name in MODULES})
    keep("cores", len(os.sched_getaffinity(0)))
    keep("load", os.getloadavg()[0])
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if version < OLDEST_TORCH:
        raise RuntimeError(f"torch is {torch.__version__}: install 2.11 or later")
    if sizes.device == "cpu":
        keep("card", "CPU")
        return
    if not torch.cuda.is_available():
        raise RuntimeError(
            f"torch {torch.__version__} sees no GPU: check the driver with nvidia-smi, and that torch was built for "
            "CUDA; --smoke runs without a GPU"
        )
    device = device_of(sizes.device)
    card = torch.cuda.get_device_properties(device)
    free, total = torch.cuda.mem_get_info(device)
    keep("card", card.name)
    keep("cards", torch.cuda.device_count())
    keep("capability", f"{card.major}.{card.minor}")
    keep("memory_bytes", total)
    keep("free_bytes", free)
    keep("cuda", torch.version.cuda)
    keep("cudnn", torch.backends.cudnn.version())
    keep("bf16", torch.cuda.is_bf16_supported())
    keep("compiler", shutil.which("g++") or shutil.which("gcc") or "")
    if free < LEAST_FREE_BYTES:
        raise RuntimeError(
            f"{free / 2**30:.1f} GiB of the GPU's memory are free, and 8 are needed: stop other programs on it"
        )
    if not (torch.ones(2, device=device) * 2).sum().item() == 4:
        raise RuntimeError(f"{card.name} computes 2 + 2 wrongly")
