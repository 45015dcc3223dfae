"""Device, precision, memory layout and threads."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

import psutil
import torch

from models.compute.compilation import compiles, keep_compiled_code
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


def world_size(config: ComputeConfig) -> int:
    """The number of trainers on all nodes, if the other ones are like this machine."""
    return config.nodes * num_processes(config)


def prepare(config: ComputeConfig, device: torch.device) -> None:
    """Set the number of threads, TF32 and deterministic algorithms for the whole process."""
    sharers = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    torch.set_num_threads(config.threads or max(1, (os.cpu_count() or 1) // sharers))
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if compiles(config, device):
        torch.use_deterministic_algorithms(True)
    else:
        torch.set_deterministic_debug_mode("error")  # the same, without the compiler: importing that takes a second
    # Filling new memory with NaN only helps to find code that reads it too early; it takes 7 % of a step on a CPU.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cuda.matmul.allow_tf32 = config.tf32
        torch.backends.cudnn.allow_tf32 = config.tf32
    if compiles(config, device):
        keep_compiled_code()


def gpu_uuids(device: torch.device) -> list[str]:
    """The driver's names of the GPUs that this machine's trainers use, one each. Empty on a CPU."""
    if device.type != "cuda":
        return []
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return [_uuid(number) for number in range(min(here, torch.cuda.device_count()))]


def _uuid(number: int) -> str:
    uuid = str(torch.cuda.get_device_properties(number).uuid)
    return uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"


def arithmetic(config: ComputeConfig, device: torch.device) -> Literal["bf16", "tf32", "fp32"]:
    """The kind of multiplication that `config` chooses on this device."""
    if uses_bf16(config, device):
        return "bf16"
    return "tf32" if config.tf32 and device.type == "cuda" else "fp32"


def autocast(config: ComputeConfig, device: torch.device) -> torch.autocast:
    """The autocast context for networks and losses."""
    return torch.autocast(device.type, torch.bfloat16, enabled=uses_bf16(config, device))


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Return a context that turns `autocast` off. It does nothing on the device "meta", which has no autocast."""
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)


@contextmanager
def without_tf32() -> Iterator[None]:
    """Multiply float32 as such on a GPU, so that results agree with those of a CPU. TF32 rounds factors to 10 bits.

    It covers matrix products and convolutions, and sets back what was set before: a training allows TF32.
    """
    products, convolutions = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = products, convolutions


def uses_bf16(config: ComputeConfig, device: torch.device) -> bool:
    """Whether networks and losses are computed in bfloat16."""
    if config.precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported()
    return config.precision == "bf16"


def memory_format(config: ComputeConfig, device: torch.device) -> torch.memory_format:
    """The memory layout of networks and images."""
    # Compiled code chooses the layouts inside a network itself. It fails where maps come in another layout than the one
    # that it was compiled for, which happens with channels_last and maps of 1x1 pixels, whose layout is ambiguous.
    wanted = config.channels_last and device.type == "cuda" and not compiles(config, device)
    return torch.channels_last if wanted else torch.contiguous_format


def memory_bytes(device: torch.device) -> float:
    """Peak memory on the GPU, or the resident memory of this process on the CPU, in bytes."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return float(psutil.Process().memory_info().rss)


def whole_memory(device: torch.device) -> int:
    """All memory of the GPU, or the free memory of this machine for the CPU, in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(psutil.virtual_memory().available)


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
        reason = ". ".join(str(error).splitlines()[0].split(". ")[:2])  # torch goes on with advice of its own
        raise OutOfMemoryError(
            f"{num_images} images at once do not fit the memory ({reason}): set a smaller "
            "train.compute.micro_batch_size, train.width or shard.resolution",
            num_images,
        ) from error
