"""Device, precision, memory layout and threads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from models.compute.config import ComputeConfig, DeviceName
from models.errors import ConfigError, OutOfMemoryError


def select_device(name: DeviceName, local_rank: int = 0) -> torch.device:
    """The device that `name` means in this process. Raises ConfigError for a GPU that does not exist."""
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if local_rank >= torch.cuda.device_count():
        raise ConfigError(
            f"device is {name}, but process {local_rank} has no GPU of its own ({torch.cuda.device_count()} here): "
            "set device to cpu, or use fewer processes"
        )
    return torch.device("cuda", local_rank)


def num_processes(config: ComputeConfig) -> int:
    """The number of trainers that `config` asks for on this machine."""
    if config.processes:
        return config.processes
    return max(1, torch.cuda.device_count()) if config.device != "cpu" else 1


def prepare(config: ComputeConfig, device: torch.device) -> None:
    """Set the number of threads, TF32 and deterministic algorithms for the whole process."""
    sharers = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    torch.set_num_threads(config.threads or max(1, (os.cpu_count() or 1) // sharers))
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Filling new memory with NaN only helps to find code that reads it too early; it takes 7 % of a step on a CPU.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cuda.matmul.allow_tf32 = config.tf32
        torch.backends.cudnn.allow_tf32 = config.tf32


def autocast(config: ComputeConfig, device: torch.device) -> torch.autocast:
    """The autocast context for networks and losses."""
    wanted = config.precision == "bf16"
    if config.precision == "auto":
        wanted = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def memory_format(config: ComputeConfig, device: torch.device) -> torch.memory_format:
    """The memory layout of networks and images."""
    # Compiled code chooses layouts itself, and fails on feature maps in another layout.
    wanted = config.channels_last and device.type == "cuda" and not config.compile
    return torch.channels_last if wanted else torch.contiguous_format


def memory_bytes(device: torch.device) -> float:
    """Peak memory on the GPU, or the resident memory of this process on the CPU, in bytes."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return float(psutil.Process().memory_info().rss)


@contextmanager
def memory_errors(num_images: int) -> Iterator[None]:
    """Raise OutOfMemoryError in place of torch's errors where `num_images` at once do not fit the memory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # torch has an exception class for GPU memory only.
        is_full = isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)
        if not is_full:
            raise
        raise OutOfMemoryError(
            f"{num_images} images at once do not fit the memory ({str(error).splitlines()[0]}): set a smaller "
            "train.compute.micro_batch_size, train.width or shard.resolution",
            num_images,
        ) from error
